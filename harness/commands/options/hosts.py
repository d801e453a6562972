"""On which hosts a command is carried out."""

from __future__ import annotations

import argparse

RAY = "ray"


def add_hosts(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds --on; `what` is shared out over the hosts."""
    parser.add_argument(
        "--on",
        choices=(RAY,),
        help=f"share {what} out over the hosts of a Ray cluster, that of RAY_ADDRESS or one of this machine alone, in "
        "four pieces a host, and merge them (docs/many_hosts.md)",
    )
