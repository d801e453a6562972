"""`harness compare`: two runs, series by series."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from harness.commands.command import Command
from harness.commands.options.outputs import add_outputs, read_outputs
from harness.commands.options.rules import add_rules, read_rules
from harness.comparison.lines import line_of_series, note_of_runs
from harness.comparison.report import Report, rule_text
from harness.comparison.verdict import RunRules, compare_runs, exit_code
from harness.records.reader import read_run

_DESCRIPTION = """\
Compares two runs, series by series, by the ratio of the latency to that of the reference network, which varies far
less than the latency itself on a shared machine. Measure both with several rounds (--rounds 5 or more, --half-width 0).

Verdicts:
  regressed      slower by more than --margin, at the stated error rate over all series
  improved       faster by more than --margin, at the same error rate
  same           the change lies within --threshold
  inconclusive   neither: measure more rounds, or use `harness gate`, which sees smaller changes
  not measured   one side lacks it, failed, or has a single trial
"""

_EPILOG = """\
Exit codes: 0 nothing regressed; 1 a series regressed; 2 a bad request; 3 nothing regressed, but a series is
inconclusive or was not measured.
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("base", type=Path, metavar="BASE", help="a run directory, or its results.csv")
    parser.add_argument("new", type=Path, metavar="NEW", help="the run to judge")
    parser.add_argument(
        "--across-environments",
        action="store_true",
        help="compare runs of different environments all the same, and say so on every line",
    )
    add_rules(parser)
    add_outputs(parser)


def _compare(arguments: argparse.Namespace) -> int:
    """Compares two runs and prints the verdicts."""
    rules = RunRules(**dataclasses.asdict(read_rules(arguments)), across_environments=arguments.across_environments)
    found = compare_runs(read_run(arguments.base), read_run(arguments.new), rules)
    title = f"Latency: {arguments.new} against {arguments.base}"
    lines = [line_of_series(one) for one in found.series]
    report = Report(title, rule_text(rules.margin_percent, rules.error_rate), lines, note_of_runs(found))
    data = {"rules": dataclasses.asdict(rules), **dataclasses.asdict(found)}
    read_outputs(arguments).publish(report, json.dumps(data, indent=1) + "\n")
    return exit_code([one.verdict for one in found.series])


COMPARE = Command(_add_options, _compare, description=_DESCRIPTION, epilog=_EPILOG)
