"""How a GPU is used."""

from __future__ import annotations

import argparse
import dataclasses

from harness.commands.options.building import BuildOptions
from harness.commands.options.types import count
from harness.machine.gpu.settings import GpuSettings


@dataclasses.dataclass(frozen=True)
class GpuOptions:
    """Which GPU and how, and how its engines are built."""

    build: BuildOptions
    cuda_graph: bool | None
    """None if the user left it open."""
    queue_depth: int
    spin: bool
    """Whether the host spins while it waits."""
    exclusive: bool
    """Whether to refuse a GPU that other processes use."""

    @staticmethod
    def add(parser: argparse.ArgumentParser) -> None:
        """Adds the group `on a GPU`."""
        gpu = GpuSettings()
        group = parser.add_argument_group("on a GPU")
        BuildOptions.add(group)
        group.add_argument(
            "--cuda-graph",
            action=argparse.BooleanOptionalAction,
            default=None,
            help="replay an inference as one CUDA graph, for networks bound by enqueueing (no)",
        )
        group.add_argument(
            "--queue-depth",
            type=count,
            default=gpu.queue_depth,
            metavar="N",
            help="inferences enqueued before the host waits (%(default)s)",
        )
        group.add_argument("--spin", action="store_true", help="spin rather than sleep while waiting for the GPU")
        group.add_argument(
            "--exclusive", action="store_true", help="refuse a GPU that other processes use, rather than warn"
        )

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> GpuOptions:
        """The record of parsed arguments."""
        return cls(
            build=BuildOptions.read(arguments),
            cuda_graph=arguments.cuda_graph,
            queue_depth=arguments.queue_depth,
            spin=arguments.spin,
            exclusive=arguments.exclusive,
        )

    def settings(self) -> GpuSettings:
        """The settings of the GPU."""
        return dataclasses.replace(
            self.build.settings(),
            cuda_graph=bool(self.cuda_graph),
            queue_depth=self.queue_depth,
            wait="spin" if self.spin else "block",
        )
