"""On which hosts a command is carried out."""

from __future__ import annotations

import argparse

from harness.commands.options.types import percent
from harness.merging.speeds import DEFAULT_SPREAD_PERCENT

RAY = "ray"


def add_hosts(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds --on; `what` is shared out over the hosts."""
    parser.add_argument(
        "--on",
        choices=(RAY,),
        help=f"share {what} out over the hosts of a Ray cluster, that of RAY_ADDRESS or one of this machine alone, in "
        "four pieces a host, and merge them (docs/many_hosts.md)",
    )


def add_spread(parser: argparse.ArgumentParser) -> None:
    """Adds --spread."""
    parser.add_argument(
        "--spread",
        type=percent,
        default=DEFAULT_SPREAD_PERCENT,
        metavar="PERCENT",
        help="of the runs of several machines, refuse one whose reference network was faster or slower than in the "
        "median of the others by more than this (%(default)s)",
    )
