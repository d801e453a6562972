"""`harness selfcheck`: what a gate is worth on this machine."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from foundation.wording import one_line
from harness import backends
from harness.commands.gate import say_finished
from harness.commands.options.measuring import add_measuring, conditions_of
from harness.commands.options.types import count, rate
from harness.comparison.builds import build_folders, build_sides
from harness.comparison.gate import Gated, GateRules
from harness.comparison.gate_setup import check_rules, measurer, shared_facts
from harness.comparison.pair_journal import PairJournal
from harness.comparison.pair_progress import PairProgress
from harness.comparison.selfcheck import Rate, RecordedPair, Spread, repeated_gates, spreads
from harness.comparison.sides import pairings, read_side
from harness.comparison.verdict import EXIT_CLEAN, EXIT_INCONCLUSIVE, EXIT_REGRESSED
from harness.errors import ComparisonError
from harness.text.console import write

CSV_NAME = "selfcheck_pairs.csv"
REPORT_NAME = "selfcheck.md"
DATA_NAME = "selfcheck.json"

_COLUMNS = (
    "check",
    "comparison",
    "model",
    "swapped",
    "status",
    "log_ratio",
    "base_median_ms",
    "new_median_ms",
    "within_percent",
    "contaminated",
)

_DESCRIPTION = """\
Compares artifacts with themselves by the gate, many times: every alarm is false, and their rate is printed with its
bound. Then makes one side slower by a known share: how often is it found? And where does the noise come from, and
which change could a gate see? Leave the machine alone meanwhile.

The defaults take about an hour for small networks; --comparisons 30 --gates 5 gives an impression. A finished pair is
on disk at once, and the same command goes on.
"""


def add_selfcheck(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's parser."""
    rules = GateRules()
    parser = commands.add_parser(
        "selfcheck",
        help="the gate's false alarms and power on this machine",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("artifacts", type=Path, metavar="ARTIFACTS", help="a run directory or exported folder")
    parser.add_argument(
        "--models", action="append", default=[], metavar="MODELS", help="names, globs, sources or suites (all)"
    )
    parser.add_argument("--comparisons", type=count, default=300, metavar="N", help="of equals (%(default)s)")
    parser.add_argument("--gates", type=int, default=50, metavar="N", help="with a slow-down (%(default)s)")
    parser.add_argument("--slowdown", type=float, default=3.0, metavar="PERCENT", help="put in (%(default)s)")
    parser.add_argument("--error-rate", type=rate, default=rules.error_rate, help="to be kept (%(default)s)")
    parser.add_argument("--pairs", type=count, default=rules.screen_pairs, help="to screen a series (%(default)s)")
    parser.add_argument("--confirm-pairs", type=count, default=rules.confirm_pairs, help="for a suspect (%(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("selfcheck"), metavar="DIR", help="report and raw data (%(default)s)"
    )
    add_measuring(parser)


@dataclasses.dataclass(frozen=True)
class Findings:
    """What a self-check found."""

    rules: GateRules
    slowdown_percent: float
    false_alarms: Rate
    """Of comparisons of equals that were called slower."""
    false_improvements: Rate
    found: Rate
    """Of gates with the slow-down."""
    spreads: Sequence[Spread]
    not_measured: Sequence[str]
    """The series and reason of each comparison and gate that was not measured, which the rates leave out."""

    def to_json(self) -> str:
        """Everything but the raw pairs."""
        data = dataclasses.asdict(self)
        for name in ("false_alarms", "false_improvements", "found"):
            one: Rate = getattr(self, name)
            data[name] |= {"upper": one.upper, "lower": one.lower}
        return json.dumps(data, indent=1) + "\n"


def selfcheck(arguments: argparse.Namespace) -> int:
    """Measures, prints what was found, and keeps the raw pairs."""
    rules = GateRules(
        error_rate=arguments.error_rate, screen_pairs=arguments.pairs, confirm_pairs=arguments.confirm_pairs
    )
    check_rules(rules, 1)
    if arguments.gates < 0:
        raise ComparisonError(f"--gates {arguments.gates}: give 0 or more")
    side = read_side(arguments.artifacts)
    found = pairings(side, side, arguments.models)
    conditions = conditions_of(arguments)
    facts = {
        "measurement": "selfcheck",
        "rules": dataclasses.asdict(rules),
        "comparisons": arguments.comparisons,
        "gates": arguments.gates,
        "slowdown_percent": arguments.slowdown,
        **shared_facts(conditions, arguments.builds, found),
    }
    pairs: list[RecordedPair] = []
    with PairJournal.open(arguments.output, facts, arguments.seed) as journal:
        folders = build_folders(Path(conditions.cache_dir), arguments.builds)
        if backends.get(conditions.backend).builds_engines:
            build_sides(
                found,
                conditions,
                folders,
                baseline_python=None,
                timeout_s=arguments.build_timeout,
            )
        progress = PairProgress(journal)

        def gates(check: str, times: int, seed: int, slowdown_percent: float) -> list[Gated]:
            measure = measurer(conditions, journal.path, None, folders, slowdown_percent)
            return repeated_gates(
                check,
                found,
                times,
                journal.recording(measure),
                rules,
                seed=seed,
                listener=progress,
                record=pairs.append,
            )

        try:
            equal = gates("equal", arguments.comparisons, journal.seed, 0.0)
            slowed = gates("slowed", arguments.gates, journal.seed + 2 * arguments.comparisons, arguments.slowdown)
        except KeyboardInterrupt:
            progress.end()
            write(journal.path / CSV_NAME, pairs_csv(pairs))
            print(
                f"interrupted after {len(pairs)} pairs; they are in {journal.path}, and the same command goes on from "
                "there",
                file=sys.stderr,
            )
            raise
        finally:
            progress.end()
    write(journal.path / CSV_NAME, pairs_csv(pairs))
    if not journal.new_count:
        say_finished(journal)
    findings = Findings(
        rules,
        arguments.slowdown,
        rate_of(equal, "regressed"),
        rate_of(equal, "improved"),
        rate_of(slowed, "regressed"),
        spreads(pairs, rules),
        [f"{one.pairing.model}: {one.reason}" for one in (*equal, *slowed) if one.verdict == "not measured"],
    )
    text = report(findings)
    print(text, end="")
    write(arguments.output / REPORT_NAME, text)
    write(arguments.output / DATA_NAME, findings.to_json())
    if findings.false_alarms.lower > rules.error_rate:
        return EXIT_REGRESSED
    return EXIT_INCONCLUSIVE if findings.not_measured else EXIT_CLEAN


def rate_of(found: Sequence[Gated], verdict: str) -> Rate:
    """How many of those that were measured have the verdict."""
    measured = [one for one in found if one.verdict != "not measured"]
    return Rate(sum(one.verdict == verdict for one in measured), len(measured))


def pairs_csv(pairs: Sequence[RecordedPair]) -> str:
    """Every pair as a line, for other programs."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for pair in pairs:
        facts = {**dataclasses.asdict(pair), **dataclasses.asdict(pair.result)}
        writer.writerow("" if facts[name] is None else facts[name] for name in _COLUMNS)
    return buffer.getvalue()


def report(findings: Findings) -> str:
    """The findings in words and a table."""
    rules, alarms = findings.rules, findings.false_alarms
    lines = [
        "# Self-check of the gate",
        "",
        f"- Equals called slower: {alarms.count} of {alarms.total}; the rate is below {100 * alarms.upper:.1f} % with "
        f"95 % confidence, and {100 * rules.error_rate:g} % was stated.",
        f"- Equals called faster: {findings.false_improvements.count} of {findings.false_improvements.total}.",
    ]
    if findings.found.total:
        lines.append(
            f"- A slow-down of {findings.slowdown_percent:g} % found: {findings.found.count} of "
            f"{findings.found.total}; the rate is above {100 * findings.found.lower:.0f} % with 95 % confidence."
        )
    if findings.not_measured:
        lines.append(
            f"- Not measured, and in none of these rates: {len(findings.not_measured)}; the first: "
            f"{one_line(findings.not_measured[0])}"
        )
    lines += [
        "",
        f"A gate: {rules.screen_pairs} pairs to screen, {rules.confirm_pairs} fresh ones for a suspect, "
        f"{rules.margin_percent:g} % tolerated.",
        "",
        "| model | pairs | between processes % | within a process % | detectable slow-down % |",
        "|---|---|---|---|---|",
    ]
    for one in findings.spreads:
        within = "" if one.within_percent is None else f"{one.within_percent:.2f}"
        lines.append(
            f"| {one.model} | {one.pairs_count} | {one.between_percent:.2f} | {within} | "
            f"{one.smallest_detectable_percent:.1f} |"
        )
    return "\n".join(lines) + "\n"
