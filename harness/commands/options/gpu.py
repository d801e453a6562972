"""The options of a GPU on the command line."""

from __future__ import annotations

import argparse

from harness.commands.options.types import count, duration_s
from harness.machine.gpu.settings import GpuSettings


def add_gpu_options(parser: argparse.ArgumentParser) -> None:
    """Which GPU and how, and how long a build may take."""
    gpu = GpuSettings()
    group = parser.add_argument_group("on a GPU")
    group.add_argument("--device", type=int, default=gpu.device, metavar="N", help="which one (%(default)s)")
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
    group.add_argument("--spin", action="store_true", help="wait for the GPU spinning rather than sleeping")
    group.add_argument(
        "--workspace", type=count, metavar="MIB", help="scratch memory of a kernel at most (all there is)"
    )
    group.add_argument("--build-timeout", type=duration_s, default=1800.0, metavar="TIME", help="for one engine (30m)")
    group.add_argument("--exclusive", action="store_true", help="refuse a GPU that others use, rather than warn")


def gpu_settings(arguments: argparse.Namespace) -> GpuSettings:
    """How the GPU is to be used."""
    return GpuSettings(
        device=arguments.device,
        cuda_graph=bool(arguments.cuda_graph),
        queue_depth=arguments.queue_depth,
        wait="spin" if arguments.spin else "block",
        workspace_mib=arguments.workspace,
    )
