"""Which runtime executes the artifacts."""

from __future__ import annotations

import argparse
import dataclasses

from harness import backends
from harness.artifacts.request import ArtifactRequest
from harness.commands.options.types import count


@dataclasses.dataclass(frozen=True)
class RuntimeOptions:
    """The runtime and its threads; None if the user left the choice open."""

    backend: str | None
    threads: int | None
    """Threads of an inference."""

    @staticmethod
    def add(group: argparse._ArgumentGroup) -> None:
        """Adds --backend and --threads to a group."""
        group.add_argument("--backend", choices=backends.names(), help=f"runtime ({ArtifactRequest.backend})")
        group.add_argument("--threads", type=count, metavar="N", help="threads of an inference (physical cores)")

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> RuntimeOptions:
        """The record of parsed arguments."""
        return cls(arguments.backend, arguments.threads)
