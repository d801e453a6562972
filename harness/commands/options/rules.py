"""Options of what counts as a change, and of what is written about it."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.commands.options.types import percent, rate
from harness.comparison.gate import GateRules
from harness.comparison.verdict import Rules


def add_rules(parser: argparse.ArgumentParser, rules: Rules | GateRules) -> argparse._ArgumentGroup:
    """The options that decide what counts as a change, with the defaults of these rules."""
    group = parser.add_argument_group("what counts as a change")
    group.add_argument(
        "--margin", type=percent, default=rules.margin_percent, metavar="PERCENT", help="tolerated (%(default)s)"
    )
    group.add_argument(
        "--threshold",
        type=percent,
        default=rules.threshold_percent,
        metavar="PERCENT",
        help="matters; an interval within it is `same` (%(default)s)",
    )
    group.add_argument(
        "--error-rate",
        type=rate,
        default=rules.error_rate,
        metavar="P",
        help="of any false alarm among all series (%(default)s)",
    )
    return group


def add_outputs(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The options that say what is written."""
    group = parser.add_argument_group("what is written")
    group.add_argument("--markdown", type=Path, metavar="FILE", help="a summary; GITHUB_STEP_SUMMARY gets one anyway")
    group.add_argument("--junit", type=Path, metavar="FILE", help="JUnit's XML, for a CI server")
    group.add_argument("--json", type=Path, metavar="FILE", help="everything, for programs")
    return group
