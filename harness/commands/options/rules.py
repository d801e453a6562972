"""What counts as a change."""

from __future__ import annotations

import argparse

from harness.commands.options.types import percent, rate
from harness.comparison.verdict import Rules


def add_rules(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Adds the group `what counts as a change`, and returns it for options that only some commands have."""
    rules = Rules()
    group = parser.add_argument_group("what counts as a change")
    group.add_argument(
        "--margin",
        type=percent,
        default=rules.margin_percent,
        metavar="PERCENT",
        help="change that is tolerated (%(default)s)",
    )
    group.add_argument(
        "--threshold",
        type=percent,
        default=rules.threshold_percent,
        metavar="PERCENT",
        help="change that matters; an interval within it is `same` (%(default)s)",
    )
    group.add_argument(
        "--error-rate",
        type=rate,
        default=rules.error_rate,
        metavar="P",
        help="probability of any false alarm among all series (%(default)s)",
    )
    return group


def read_rules(arguments: argparse.Namespace) -> Rules:
    """The record of parsed arguments."""
    return Rules(arguments.margin, arguments.threshold, arguments.error_rate)
