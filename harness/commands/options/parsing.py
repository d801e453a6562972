"""Which TensorRT judges artifacts, or which other runtime they are computed by."""

from __future__ import annotations

import argparse
import dataclasses

from harness.commands.options.types import duration_s
from harness.errors import HarnessError

BACKENDS = ("tensorrt-rtx", "tensorrt")
"""Those that build engines which may be moved to another machine; the first needs no GPU to build one."""

COMPUTING = ("openvino",)
"""Those whose outputs are compared with ONNX Runtime's, where a command does so."""

DEFAULT_BUILD_TIMEOUT_S = 1800.0


@dataclasses.dataclass(frozen=True)
class ParserOptions:
    """Whether and by which library artifacts are parsed and built, or computed."""

    wanted: bool
    backend: str
    build_timeout_s: float
    """Time limit of building one engine."""
    computing: str = ""
    """One of `COMPUTING`; empty if outputs are not compared with those of another runtime."""

    @staticmethod
    def add(parser: argparse.ArgumentParser, flag: str, what: str, computing: tuple[str, ...] = ()) -> None:
        """Adds the group `parser`.

        Args:
            parser: the command's parser.
            flag: the option that asks for it, as in `--parser`.
            what: its help.
            computing: which of `COMPUTING` the command can compare with ONNX Runtime.
        """
        group = parser.add_argument_group("parser", "docs/gpu.md#tensorrt-for-rtx")
        parser.set_defaults(judging_flag=flag)
        group.add_argument(flag, dest="judged", action="store_true", help=what)
        other = f", or, without {flag}, whose outputs are compared with ONNX Runtime's: {', '.join(computing)}"
        group.add_argument(
            "--backend",
            choices=(*BACKENDS, *computing),
            help=f"whose parser and builder ({BACKENDS[0]}){other if computing else ''}",
        )
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
        flag, backend = arguments.judging_flag, arguments.backend
        computing = backend if backend in COMPUTING else ""
        if arguments.judged and computing:
            raise HarnessError(f"{flag} --backend {backend}: it has no parser of its own; give {' or '.join(BACKENDS)}")
        if not arguments.judged and (arguments.build_timeout or (backend and not computing)):
            raise HarnessError(f"--backend and --build-timeout need {flag}")
        return cls(
            arguments.judged, backend or BACKENDS[0], arguments.build_timeout or DEFAULT_BUILD_TIMEOUT_S, computing
        )
