"""`harness gate`: two versions of artifacts or of the runtime, pair by pair."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from harness import backends
from harness.commands.compare import publish
from harness.commands.options.measuring import add_measuring, conditions_of
from harness.commands.options.rules import add_outputs, add_rules
from harness.commands.options.types import count
from harness.comparison.builds import build_folders, build_sides
from harness.comparison.duet import check_python
from harness.comparison.gate import Gated, GateRules, gate
from harness.comparison.gate_setup import check_rules, measurer, shared_facts
from harness.comparison.pair_journal import PairJournal
from harness.comparison.pair_progress import PairProgress, series_name
from harness.comparison.report import Line, Report, rule_text
from harness.comparison.sides import pairings, read_side, unpaired
from harness.comparison.verdict import exit_code

_DESCRIPTION = """\
Compares two versions where it matters: fresh processes hold both sides at once and measure them in alternating
short blocks, pair after pair in random order, so that what the machine does to one side it does to the other.

BASE and NEW are run directories, folders of `convert --export`, or two .onnx files; what they differ in is what is
compared: exporter, precision, weights, version of a framework. To compare two versions of the runtime give one
folder twice, and the Python of the environment that has the old version:

  python -m harness gate artifacts artifacts --baseline-python old-venv/bin/python

Every series is screened with a few pairs; suspects are called, or cleared, by fresh ones. A finished pair is on disk
at once: interrupt a gate whenever you like, and the same command goes on, with the same test.
"""

DEFAULT_OUTPUT = Path("gate")

_EPILOG = """\
Exit codes: 0 nothing regressed; 1 a series regressed; 2 a bad request; 3 nothing regressed, but a series is
inconclusive or was not measured; 130 interrupted.
"""


def add_gate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's parser."""
    parser = commands.add_parser(
        "gate",
        help="two versions, pair by pair: what became slower, at a stated error rate",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("base", type=Path, metavar="BASE", help="the artifacts to compare with")
    parser.add_argument("new", type=Path, metavar="NEW", help="the artifacts to judge")
    parser.add_argument(
        "--models", action="append", default=[], metavar="MODELS", help="names, globs, sources or suites (all)"
    )
    parser.add_argument("--baseline-python", type=Path, metavar="PYTHON", help="the baseline's interpreter (this one)")
    rules = GateRules()
    group = add_rules(parser, rules)
    group.add_argument("--pairs", type=count, default=rules.screen_pairs, help="to screen a series (%(default)s)")
    group.add_argument("--confirm-pairs", type=count, default=rules.confirm_pairs, help="for a suspect (%(default)s)")
    add_measuring(parser)
    add_outputs(parser).add_argument(
        "--output",
        type=Path,
        default=DEFAULT_OUTPUT,
        metavar="DIR",
        help="the finished pairs, from which the same command goes on (%(default)s)",
    )


def run_gate(arguments: argparse.Namespace) -> int:
    """Measures the pairs, prints the verdicts and writes what was asked for."""
    rules = GateRules(
        arguments.margin,
        arguments.threshold,
        arguments.error_rate,
        screen_pairs=arguments.pairs,
        confirm_pairs=arguments.confirm_pairs,
    )
    sides = read_side(arguments.base), read_side(arguments.new)
    found_pairs = pairings(*sides, arguments.models)
    check_rules(rules, len(found_pairs))
    conditions = conditions_of(arguments)
    facts = {
        "measurement": "gate",
        "rules": dataclasses.asdict(rules),
        "baseline_runtime": check_python(arguments.baseline_python, conditions.backend)
        if arguments.baseline_python
        else "",
        **shared_facts(conditions, arguments.builds, found_pairs),
    }
    with PairJournal.open(arguments.output, facts, arguments.seed) as journal:
        folders = build_folders(Path(conditions.cache_dir), arguments.builds)
        if backends.get(conditions.backend).builds_engines:
            build_sides(
                found_pairs,
                conditions,
                folders,
                baseline_python=arguments.baseline_python,
                timeout_s=arguments.build_timeout,
            )
        measure = journal.recording(measurer(conditions, journal.path, arguments.baseline_python, folders))
        progress = PairProgress(journal)
        try:
            found = gate(found_pairs, measure, rules, seed=journal.seed, listener=progress)
        except KeyboardInterrupt:
            progress.end()
            print(progress.so_far(), file=sys.stderr)
            raise
        finally:
            progress.end()
    if not journal.new_count:
        say_finished(journal)
    found += [Gated(one.pairing, "not measured", one.reason) for one in unpaired(*sides, arguments.models, found_pairs)]
    title = f"Latency: {arguments.new} against {arguments.base}"
    report = Report(title, rule_text(rules.margin_percent, rules.error_rate), [line_of(one) for one in found])
    publish(report, arguments, gate_json(found, rules, journal.seed))
    return exit_code([one.verdict for one in found])


def say_finished(journal: PairJournal) -> None:
    """Tells that everything was there already."""
    print(
        f"{journal.path} had all {journal.earlier_count} pairs already and nothing was measured; another --output "
        "measures anew",
        file=sys.stderr,
    )


def line_of(one: Gated) -> Line:
    """A series as the report shows it."""
    remark = one.reason
    if one.suspect and one.verdict not in ("regressed", "improved"):
        remark = "a suspect after screening, cleared by fresh pairs" if one.verdict == "same" else "a suspect"
    if one.disturbed_count:
        told = f"others disturbed {one.disturbed_count} of {len(one.log_ratios)} pairs"
        remark = f"{remark}; {told}" if remark else told
    return Line(
        one.verdict,
        series_name(one.pairing),
        one.change_percent,
        one.low_percent,
        one.high_percent,
        one.base_median_ms,
        one.new_median_ms,
        None,
        remark,
    )


def gate_json(found: list[Gated], rules: GateRules, seed: int) -> str:
    """Everything, every pair included."""
    data: dict[str, Any] = {
        "rules": dataclasses.asdict(rules),
        "seed": seed,
        "series": [dataclasses.asdict(one) for one in found],
    }
    return json.dumps(data, indent=1) + "\n"
