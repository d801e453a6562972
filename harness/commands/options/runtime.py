"""Which runtime executes the artifacts."""

from __future__ import annotations

import argparse
import dataclasses

from harness import backends
from harness.artifacts.request import ArtifactRequest
from harness.commands.options.types import add_choice, as_several, count


@dataclasses.dataclass(frozen=True)
class RuntimeOptions:
    """The runtimes and their threads."""

    backends: tuple[str, ...]
    """Empty if the user left the choice open, one except for commands that take several."""
    threads: int | None
    """Threads of an inference; None if the user left the choice open."""

    @staticmethod
    def add(group: argparse._ArgumentGroup, *, several: bool = False) -> None:
        """Adds --backend and --threads to a group.

        Args:
            group: the group.
            several: whether the command measures several backends side by side.
        """
        add_choice(
            group, "--backend", backends.names(), several=several, one=f"runtime ({ArtifactRequest.backend})",
            more="several, measured side by side in the same rounds",
        )  # fmt: skip
        group.add_argument("--threads", type=count, metavar="N", help="threads of an inference (physical cores)")

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> RuntimeOptions:
        """The record of parsed arguments."""
        return cls(as_several(arguments.backend), arguments.threads)
