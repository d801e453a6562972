"""`harness compare`: two runs, series by series."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from harness.commands.options.rules import add_outputs, add_rules
from harness.comparison.report import Line, Report, junit, markdown, rule_text, text
from harness.comparison.verdict import Rules, RunsComparison, SeriesComparison, compare_runs, exit_code
from harness.records.reader import read_run
from harness.text.console import append_to_step_summary, write

_NEGLIGIBLE_PERCENT = 0.5

_DESCRIPTION = """\
Compares two runs, series by series, by the latency over that of the reference network, which moves far less
than the latency itself on a shared machine. Run both with several rounds (--rounds 5 and more, --half-width 0).

Verdicts:
  regressed      slower by more than --margin, at the stated error rate over all series
  improved       faster, likewise
  same           the change lies within --threshold
  inconclusive   neither: measure more rounds, or use `harness gate`, which sees smaller changes
  not measured   a side lacks it, failed, or has a single trial
"""

_EPILOG = """\
Exit codes: 0 nothing regressed; 1 a series regressed; 2 a bad request; 3 nothing regressed, but a series is
inconclusive or was not measured.
"""


def add_compare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's parser."""
    parser = commands.add_parser(
        "compare",
        help="two runs: what became slower, at a stated error rate",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("base", type=Path, metavar="BASE", help="a run directory, or its results.csv")
    parser.add_argument("new", type=Path, metavar="NEW", help="the run to judge")
    parser.add_argument(
        "--across-environments",
        action="store_true",
        help="compare runs of different environments, with the reason on every line",
    )
    add_rules(parser, Rules())
    add_outputs(parser)


def compare(arguments: argparse.Namespace) -> int:
    """Compares two runs and prints the verdicts."""
    rules = Rules(arguments.margin, arguments.threshold, arguments.error_rate, arguments.across_environments)
    found = compare_runs(read_run(arguments.base), read_run(arguments.new), rules)
    title = f"Latency: {arguments.new} against {arguments.base}"
    rule = rule_text(rules.margin_percent, rules.error_rate)
    report = Report(title, rule, [line_of(one) for one in found.series], note_of(found))
    data = {"rules": dataclasses.asdict(rules), **dataclasses.asdict(found)}
    publish(report, arguments, json.dumps(data, indent=1) + "\n")
    return exit_code([one.verdict for one in found.series])


def note_of(found: RunsComparison) -> str:
    """What the machine alone may have changed between the runs; empty where that is next to nothing."""
    if found.run_effect_percent < _NEGLIGIBLE_PERCENT:
        return ""
    shift_percent = found.reference_shift_percent
    return (
        f"The machine changed: the reference network was {abs(shift_percent):.1f} % "
        f"{'slower' if shift_percent > 0 else 'faster'} in the second run. Equals then differ by "
        f"+-{found.run_effect_percent:.1f} % (standard deviation), which widens every interval. Let the runs take "
        "turns (docs/ci.md), or use `gate`, to see less than that."
    )


def line_of(one: SeriesComparison) -> Line:
    """A series as the report shows it."""
    remark = one.reason
    if one.suspect and one.verdict != "regressed":
        remark = f"suspect of a slow-down; {remark}" if remark else "suspect of a slow-down"
    if one.change is None:
        return Line(one.verdict, str(one.key), remark=remark)
    return Line(
        one.verdict,
        str(one.key),
        one.change.percent,
        one.change.low_percent,
        one.change.high_percent,
        one.base_latency_ms,
        one.new_latency_ms,
        one.smallest_detectable_percent,
        remark,
    )


def publish(report: Report, arguments: argparse.Namespace, data: str) -> None:
    """Prints the report and writes the files that were asked for, with `data` as the JSON."""
    print(text(report), end="")
    write(arguments.markdown, markdown(report))
    write(arguments.junit, junit(report, "latency"))
    write(arguments.json, data)
    append_to_step_summary(markdown(report))
