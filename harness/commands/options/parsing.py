"""Which TensorRT judges artifacts."""

from __future__ import annotations

import argparse
import dataclasses

from harness.commands.options.types import duration_s
from harness.errors import HarnessError

BACKENDS = ("tensorrt-rtx", "tensorrt")
"""Those that build engines which may be moved to another machine; the first needs no GPU to build one."""

DEFAULT_BUILD_TIMEOUT_S = 1800.0


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
        parser.set_defaults(judging_flag=flag)
        group.add_argument(flag, dest="judged", action="store_true", help=what)
        group.add_argument("--backend", choices=BACKENDS, help=f"whose parser and builder ({BACKENDS[0]})")
        group.add_argument(
            "--build-timeout",
            type=duration_s,
            metavar="TIME",
            help="time limit of building one engine (30m)",
        )

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> ParserOptions:
        """The record of parsed arguments.

        Raises:
            HarnessError: an option says how artifacts are judged, but nobody asked for it.
        """
        if not arguments.judged and (arguments.backend or arguments.build_timeout):
            raise HarnessError(f"--backend and --build-timeout need {arguments.judging_flag}")
        return cls(
            arguments.judged, arguments.backend or BACKENDS[0], arguments.build_timeout or DEFAULT_BUILD_TIMEOUT_S
        )
