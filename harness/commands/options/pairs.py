"""How the pairs of a gate or a self-check are measured."""

from __future__ import annotations

import argparse
from pathlib import Path

from foundation.cache import default_cache_dir
from foundation.vocabulary import MEASURED_PRECISIONS
from harness import backends
from harness.artifacts.file_series import FileSettings
from harness.artifacts.input_shapes import AskedShapes
from harness.commands.options.gpu import GpuOptions
from harness.commands.options.measuring import add_blocks, add_no_wait, read_timing
from harness.commands.options.models import FileOptions, held_inputs, library_of
from harness.commands.options.types import count, duration_s
from harness.comparison.gate import GateRules
from harness.comparison.gate_setup import PairSettings


def add_pair_counts(parser: argparse._ActionsContainer, rules: GateRules) -> None:
    """Adds --pairs and --confirm-pairs, with the defaults of these rules."""
    parser.add_argument(
        "--pairs", type=count, default=rules.screen_pairs, help="pairs to screen a series (%(default)s)"
    )
    parser.add_argument(
        "--confirm-pairs", type=count, default=rules.confirm_pairs, help="fresh pairs for a suspect (%(default)s)"
    )


def add_pair_options(parser: argparse.ArgumentParser) -> None:
    """Adds the groups `measuring` and `on a GPU`."""
    group = parser.add_argument_group("measuring")
    group.add_argument("--backend", choices=backends.names(), default="onnxruntime", help="runtime (%(default)s)")
    group.add_argument(
        "--precision",
        choices=MEASURED_PRECISIONS,
        help="what .onnx files of fp32 are converted to, int8 with ranges of generated values, or with bf16 "
        "computed in (what their graphs say)",
    )
    add_pair_timing(group)
    group.add_argument("--cache-dir", type=Path, help="where engines are kept (the user's cache directory)")
    group.add_argument(
        "--builds",
        type=count,
        default=1,
        metavar="N",
        help="builds of each engine, if the runtime builds any: a rebuild is a sample too (%(default)s)",
    )
    GpuOptions.add(parser)
    files = parser.add_argument_group("lone .onnx files", "what they leave free, and what they are measured with")
    files.add_argument("--batch", type=count, metavar="N", help=f"images per inference ({AskedShapes.batch})")
    files.add_argument("--resolution", type=count, metavar="R", help="input size in pixels")
    FileOptions.add_inputs(files)


def add_pair_timing(group: argparse._ArgumentGroup) -> None:
    """Adds --threads, --no-wait, --block-ms, --block-groups, --pair-timeout and --seed."""
    group.add_argument("--threads", type=count, help="threads of an inference (physical cores)")
    add_no_wait(group, "pair")
    add_blocks(group, "pair")
    group.add_argument(
        "--pair-timeout", type=duration_s, default=300.0, metavar="TIME", help="time limit of one pair (5m)"
    )
    group.add_argument("--seed", type=int, help="seed of order, places and inputs (drawn at random)")


def read_file_settings(arguments: argparse.Namespace) -> FileSettings:
    """How a lone ONNX file is measured.

    Raises:
        HarnessError: the runtime, which is asked what it reads, cannot run here.
    """
    return FileSettings(
        backend=backends.usable(arguments.backend),
        precision=arguments.precision or "",
        shapes=AskedShapes(arguments.batch or AskedShapes.batch, arguments.resolution, dict(arguments.shape)),
        inputs=held_inputs(arguments),
        cache_dir=arguments.cache_dir or default_cache_dir(),
        custom_operators=library_of(arguments),
    )


def read_pair_settings(arguments: argparse.Namespace) -> PairSettings:
    """The record of parsed arguments."""
    gpu = GpuOptions.read(arguments)
    return PairSettings(
        backend=arguments.backend,
        threads=arguments.threads,
        timing=read_timing(arguments),
        gpu=gpu.settings(),
        exclusive=gpu.exclusive,
        wait=arguments.wait,
        timeout_s=arguments.pair_timeout,
        build_timeout_s=gpu.build.build_timeout_s,
        cache_dir=arguments.cache_dir or default_cache_dir(),
        builds=arguments.builds,
        seed=arguments.seed,
    )
