"""Which weights the models have."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from foundation.vocabulary import AUTO, PROBE, RELEASED


@dataclasses.dataclass(frozen=True)
class WeightsOptions:
    """The weights, and where released ones come from."""

    weights: str = PROBE
    """`probe`, `released`, `auto`, or the path of a checkpoint; empty if the user left it open and the command
    decides."""
    mirror: str = ""
    """A folder or URL that released weights are fetched from; the releases' own servers if empty."""
    weights_lock: Path | None = None
    """The lock file with the digests of released weights; the cache's own if None."""

    @staticmethod
    def add(parser: argparse.ArgumentParser, default: str = PROBE) -> None:
        """Adds --weights, --mirror and --weights-lock.

        Args:
            parser: the command's parser.
            default: default of --weights; empty leaves the choice to the command.
        """
        group = parser.add_argument_group("weights", "docs/weights.md")
        of_probe, of_released = (
            (" (by default)", "") if default else ("", " (by default, for models of the zoo and of libraries)")
        )
        group.add_argument(
            "--weights",
            default=default,
            metavar="WHICH",
            help=f"{PROBE}{of_probe}: seeded ones, the same operations on meaningless numbers; "
            f"{RELEASED}{of_released}: the release's, fetched if the cache does not hold them; {AUTO}: the release's "
            "if they are available; or a checkpoint's path, for the one model selected",
        )
        group.add_argument(
            "--mirror", default="", metavar="DIR-or-URL", help="fetch from there instead of the releases' own servers"
        )
        group.add_argument(
            "--weights-lock",
            type=Path,
            metavar="FILE",
            help="lock file with the digests of released weights, as for fetch --lock (the cache's own)",
        )

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> WeightsOptions:
        """The record of parsed arguments."""
        return cls(arguments.weights, arguments.mirror, arguments.weights_lock)
