"""How a GPU is used."""

from __future__ import annotations

import argparse
import dataclasses

from harness.commands.options.types import count, duration_s
from harness.machine.gpu.settings import GpuSettings


@dataclasses.dataclass(frozen=True)
class GpuOptions:
    """Which GPU and how, and how long a build may take."""

    device: int
    cuda_graph: bool | None
    """None if the user left it open."""
    queue_depth: int
    spin: bool
    """Whether the host spins while it waits."""
    workspace_mib: int | None
    build_timeout_s: float
    """Time limit of building one engine."""
    exclusive: bool
    """Whether to refuse a GPU that other processes use."""

    @staticmethod
    def add(parser: argparse.ArgumentParser) -> None:
        """Adds the group `on a GPU`."""
        gpu = GpuSettings()
        group = parser.add_argument_group("on a GPU")
        group.add_argument("--device", type=int, default=gpu.device, metavar="N", help="which GPU (%(default)s)")
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
            "--workspace", type=count, metavar="MIB", help="limit of a kernel's scratch memory (all there is)"
        )
        group.add_argument(
            "--build-timeout",
            type=duration_s,
            default=1800.0,
            metavar="TIME",
            help="time limit of building one engine (30m)",
        )
        group.add_argument(
            "--exclusive", action="store_true", help="refuse a GPU that other processes use, rather than warn"
        )

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> GpuOptions:
        """The record of parsed arguments."""
        return cls(
            device=arguments.device,
            cuda_graph=arguments.cuda_graph,
            queue_depth=arguments.queue_depth,
            spin=arguments.spin,
            workspace_mib=arguments.workspace,
            build_timeout_s=arguments.build_timeout,
            exclusive=arguments.exclusive,
        )

    def settings(self) -> GpuSettings:
        """The settings of the GPU."""
        return GpuSettings(
            device=self.device,
            cuda_graph=bool(self.cuda_graph),
            queue_depth=self.queue_depth,
            wait="spin" if self.spin else "block",
            workspace_mib=self.workspace_mib,
        )
