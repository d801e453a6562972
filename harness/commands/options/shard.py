"""One share of a job that several machines do."""

from __future__ import annotations

import argparse

from foundation.shard import Shard


def add_shard(group: argparse._ActionsContainer, what: str) -> None:
    """Adds --shard; `what` is shared out."""
    group.add_argument(
        "--shard",
        type=_shard,
        metavar="K/N",
        help=f"the K-th of N shares of {what}, for N machines with the same command; merge puts them together",
    )


def _shard(text: str) -> Shard:
    try:
        return Shard.of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
