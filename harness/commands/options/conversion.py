"""How models are converted, and where artifacts are kept."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from foundation.cache import default_cache_dir
from foundation.vocabulary import DEFAULT_EXPORTER, DEFAULT_OPSET, EXPORTERS, GRAPHS, IMPLEMENTATIONS, NATIVE
from harness.artifacts.request import ArtifactRequest
from harness.commands.options.types import add_choice, as_several, count, duration_s


@dataclasses.dataclass(frozen=True)
class ConversionOptions:
    """How models are converted; None if the user left the choice open."""

    implementation: str
    """One of `IMPLEMENTATIONS`: whose code builds the zoo's models."""
    exporter: str
    graphs: tuple[str, ...]
    """Of `GRAPHS`; empty if the user left the choice open, one except for commands that take several."""
    opset: int | None
    batch: int | None
    resolution: int | None
    """Input size in pixels of user networks."""
    preprocessing: str
    """How images are prepared for user networks: the name of a zoo model, or a TOML file; empty if it is assumed."""
    workers: int
    """Parallel conversions and builds; one for each physical core if 0."""
    timeout_s: float
    """Time limit of one conversion."""
    cache_dir: Path
    """Where artifacts are kept."""

    @staticmethod
    def add(
        parser: argparse.ArgumentParser, *, implementation: bool = True, graph: bool = True, several: bool = False
    ) -> None:
        """Adds the group `conversion`.

        Args:
            parser: the command's parser.
            implementation: whether the user may choose whose code builds the models.
            graph: whether the user may choose the graph.
            several: whether the command takes several graphs.
        """
        group = parser.add_argument_group("conversion")
        group.add_argument(
            "--exporter", choices=EXPORTERS, default=DEFAULT_EXPORTER, help="PyTorch's exporter (%(default)s)"
        )
        if graph:
            _add_graph(group, several)
        else:
            parser.set_defaults(graph=None)
        group.add_argument(
            "--opset",
            type=int,
            metavar="N",
            help=f"ONNX opset, 17 or later ({DEFAULT_OPSET}; 17 if the installed TensorRT reads no newer one)",
        )
        group.add_argument("--batch", type=int, metavar="N", help=f"images per inference ({ArtifactRequest.batch})")
        _add_user_networks(group)
        group.add_argument(
            "--workers",
            type=count,
            default=0,
            metavar="N",
            help="parallel conversions, and builds of engines that need no GPU (one for each physical core)",
        )
        group.add_argument(
            "--conversion-timeout",
            type=duration_s,
            default=900.0,
            metavar="TIME",
            help="time limit of one conversion (15m)",
        )
        group.add_argument(
            "--cache-dir", type=Path, metavar="DIR", help="where artifacts are kept (the user's cache directory)"
        )
        if implementation:
            _add_implementation(group)
        else:
            parser.set_defaults(implementation=IMPLEMENTATIONS[0])

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> ConversionOptions:
        """The record of parsed arguments."""
        return cls(
            implementation=arguments.implementation,
            exporter=arguments.exporter,
            graphs=as_several(arguments.graph),
            opset=arguments.opset or None,
            batch=arguments.batch,
            resolution=arguments.resolution,
            preprocessing=arguments.preprocessing,
            workers=arguments.workers,
            timeout_s=arguments.conversion_timeout,
            cache_dir=arguments.cache_dir or default_cache_dir(),
        )


def _add_graph(group: argparse._ArgumentGroup, several: bool) -> None:
    add_choice(
        group,
        "--graph",
        GRAPHS,
        several=several,
        one="native: as the exporter writes it; fused: the same network with operators put back that the backend is "
        f"faster with, see docs/graphs.md ({NATIVE})",
        more="both",
    )


def _add_implementation(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--implementation",
        choices=IMPLEMENTATIONS,
        default=IMPLEMENTATIONS[0],
        help="own: the release's package, or this project's definition of the network; release: the original code "
        "itself, as `python -m zoo fetch --sources` checked it out (%(default)s)",
    )


def _add_user_networks(group: argparse._ArgumentGroup) -> None:
    """Adds what a card states of a model of the zoo."""
    group.add_argument(
        "--resolution",
        type=count,
        metavar="R",
        help="input size in pixels of user networks (that of --preprocessing, or 224); the zoo's is fixed",
    )
    group.add_argument(
        "--preprocessing",
        default="",
        metavar="MODEL-or-FILE",
        help="how images are prepared for user networks, to calibrate int8, to measure accuracy, and for the range of "
        "the noise that latency is measured on: as for a model of the zoo, or as a TOML file says, see "
        "docs/accuracy.md (torchvision's usual evaluation, with a warning, and standard normal noise)",
    )
