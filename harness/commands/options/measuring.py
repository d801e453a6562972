"""Options of how a pair of a gate is measured."""

from __future__ import annotations

import argparse
from pathlib import Path

from foundation.cache import default_cache_dir
from harness import backends
from harness.backends.device import Device
from harness.commands.options.gpu import add_gpu_options, gpu_settings
from harness.commands.options.types import count, duration_s, milliseconds
from harness.comparison.pair import Conditions
from harness.text.console import say
from harness.timing.settings import TimingSettings


def add_measuring(parser: argparse.ArgumentParser) -> None:
    """The options that say how a pair is measured."""
    timing = TimingSettings()
    group = parser.add_argument_group("measuring")
    group.add_argument("--backend", choices=backends.names(), default="onnxruntime", help="runtime (%(default)s)")
    group.add_argument("--threads", type=count, help="threads of an inference (physical cores)")
    group.add_argument(
        "--block-ms", type=milliseconds, default=timing.block_ms, help="length of a timed block (%(default)s)"
    )
    group.add_argument(
        "--block-groups", type=count, default=timing.groups, help="ABBA groups of blocks in a pair (%(default)s)"
    )
    group.add_argument("--pair-timeout", type=duration_s, default=300.0, metavar="TIME", help="for one pair (5m)")
    group.add_argument("--cache-dir", type=Path, help="where engines are kept (the user's cache directory)")
    group.add_argument(
        "--builds",
        type=count,
        default=1,
        metavar="N",
        help="builds of each engine, where the runtime builds any: a rebuild is a sample too (%(default)s)",
    )
    group.add_argument("--seed", type=int, help="of order, places and inputs (drawn anew)")
    add_gpu_options(parser)


def conditions_of(arguments: argparse.Namespace) -> Conditions:
    """What all pairs share.

    Raises:
        HarnessError: the backend cannot run here, or others use a GPU that was requested for exclusive use.
    """
    gpu = gpu_settings(arguments)
    device = Device.open(arguments.backend, gpu, arguments.threads, exclusive=arguments.exclusive, say=say)
    return Conditions(
        arguments.backend,
        device.threads,
        TimingSettings(block_ms=arguments.block_ms, groups=arguments.block_groups),
        gpu,
        arguments.pair_timeout,
        str(arguments.cache_dir or default_cache_dir()),
    )
