"""`harness selfcheck`: how reliable the gate is on this machine."""

from __future__ import annotations

import argparse
import dataclasses
import functools
from pathlib import Path

from harness.commands.command import Command
from harness.commands.options.pairs import add_pair_counts, add_pair_options, read_file_settings, read_pair_settings
from harness.commands.options.types import count, rate
from harness.comparison.gate import GateRules
from harness.comparison.gate_setup import check_rules, gate_session
from harness.comparison.selfcheck import RecordedPair, repeated_gates
from harness.comparison.selfcheck_report import Findings, pairs_csv
from harness.comparison.sides import check_file_settings, pairings, read_side
from harness.comparison.verdict import EXIT_CLEAN, EXIT_INCONCLUSIVE, EXIT_REGRESSED
from harness.errors import ComparisonError
from harness.text.console import write

CSV_NAME = "selfcheck_pairs.csv"
REPORT_NAME = "selfcheck.md"
DATA_NAME = "selfcheck.json"

_DESCRIPTION = """\
Runs the gate many times with the same artifacts on both sides: every alarm is false, and their rate is printed with
its bound. Then makes one side slower by a known percentage, and counts how often the gate finds it. It also
reports where the noise comes from, and which change a gate could see. Leave the machine idle while it runs.

The defaults take about an hour for small networks; --comparisons 30 --gates 5 gives a first impression. A finished pair
is on disk at once, and the same command resumes there.
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    rules = GateRules()
    parser.add_argument("artifacts", type=Path, metavar="ARTIFACTS", help="a run directory or exported folder")
    parser.add_argument(
        "--models", action="append", default=[], metavar="MODELS", help="names, globs, sources or suites (all)"
    )
    parser.add_argument(
        "--comparisons", type=count, default=300, metavar="N", help="gates with equal sides (%(default)s)"
    )
    parser.add_argument("--gates", type=int, default=50, metavar="N", help="gates with a slow-down (%(default)s)")
    parser.add_argument(
        "--slowdown", type=float, default=3.0, metavar="PERCENT", help="size of the slow-down (%(default)s)"
    )
    parser.add_argument(
        "--error-rate",
        type=rate,
        default=rules.error_rate,
        help="false-alarm rate that the gate must keep (%(default)s)",
    )
    add_pair_counts(parser, rules)
    parser.add_argument(
        "--output", type=Path, default=Path("selfcheck"), metavar="DIR", help="report and raw data (%(default)s)"
    )
    add_pair_options(parser)


def _selfcheck(arguments: argparse.Namespace) -> int:
    """Measures, prints the findings and writes them."""
    rules = GateRules(
        error_rate=arguments.error_rate, screen_pairs=arguments.pairs, confirm_pairs=arguments.confirm_pairs
    )
    check_rules(rules, 1)
    if arguments.gates < 0:
        raise ComparisonError(f"--gates {arguments.gates}: give 0 or more")
    findings = _measured(arguments, rules)
    print(findings.text(), end="")
    write(arguments.output / REPORT_NAME, findings.text())
    write(arguments.output / DATA_NAME, findings.to_json())
    if findings.false_alarms.lower > rules.error_rate:
        return EXIT_REGRESSED
    return EXIT_INCONCLUSIVE if findings.not_measured else EXIT_CLEAN


def _measured(arguments: argparse.Namespace, rules: GateRules) -> Findings:
    """Measures gates with equal sides, then gates with one side slowed down, and writes every pair."""
    files = read_file_settings(arguments)
    check_file_settings([arguments.artifacts], files)
    side = read_side(arguments.artifacts, files)
    equals = pairings(side, side, arguments.models)
    settings = read_pair_settings(arguments)
    facts = {
        "measurement": "selfcheck",
        "rules": dataclasses.asdict(rules),
        "comparisons": arguments.comparisons,
        "gates": arguments.gates,
        "slowdown_percent": arguments.slowdown,
    }
    pairs: list[RecordedPair] = []
    with gate_session(
        arguments.output,
        facts,
        equals,
        settings,
        settings.conditions(),
        interrupted=lambda _: (
            f"interrupted after {len(pairs)} pairs; they are in {arguments.output}, and the same command resumes there"
        ),
    ) as session:
        measure_gates = functools.partial(
            repeated_gates, pairings=equals, rules=rules, listener=session.progress, record=pairs.append
        )
        seed = session.journal.seed
        try:
            equal = measure_gates("equal", count=arguments.comparisons, measure=session.measure(), seed=seed)
            seed += 2 * arguments.comparisons
            slow = session.measure(arguments.slowdown)
            slowed = measure_gates("slowed", count=arguments.gates, measure=slow, seed=seed)
        finally:
            write(session.journal.path / CSV_NAME, pairs_csv(pairs))
    return Findings.of(rules, arguments.slowdown, equal, slowed, pairs)


SELFCHECK = Command(_add_options, _selfcheck, description=_DESCRIPTION)
