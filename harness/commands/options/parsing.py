"""Which TensorRT judges artifacts."""

from __future__ import annotations

import argparse
import dataclasses

from harness.commands.options.types import duration_s

BACKENDS = ("tensorrt-rtx", "tensorrt")
"""Those that build engines which may be moved to another machine; the first needs no GPU to build one."""


@dataclasses.dataclass(frozen=True)
class ParserOptions:
    """Whether and by which library artifacts are parsed and built."""

    wanted: bool
    backend: str
    build_timeout_s: float
    """Time limit of building one engine."""

    @staticmethod
    def add(parser: argparse.ArgumentParser, flag: str, what: str) -> None:
        """Adds the group `parser`.

        Args:
            parser: the command's parser.
            flag: the option that asks for it, as in `--parser`.
            what: its help.
        """
        group = parser.add_argument_group("parser", "docs/gpu.md#tensorrt-for-rtx")
        group.add_argument(flag, dest="judged", action="store_true", help=what)
        group.add_argument(
            "--backend", choices=BACKENDS, default=BACKENDS[0], help="whose parser and builder (%(default)s)"
        )
        group.add_argument(
            "--build-timeout",
            type=duration_s,
            default=1800.0,
            metavar="TIME",
            help="time limit of building one engine (30m)",
        )

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> ParserOptions:
        """The record of parsed arguments."""
        return cls(arguments.judged, arguments.backend, arguments.build_timeout)
