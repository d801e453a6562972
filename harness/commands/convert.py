"""`harness convert`: models converted to verified artifacts, on request exported for another machine."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.units import BYTES_PER_MIB
from foundation.vocabulary import INT8_SCHEMES, PRECISIONS
from foundation.wording import counted
from harness import backends
from harness.artifacts.request import ArtifactRequest
from harness.commands.command import Command
from harness.commands.options.conversion import ConversionOptions
from harness.commands.options.hosts import add_hosts
from harness.commands.options.models import MODELS_HELP, FileOptions, ModelOptions
from harness.commands.options.parsing import ParserOptions
from harness.commands.options.precision import PrecisionOptions
from harness.commands.options.request import artifact_request
from harness.commands.options.shard import add_shard
from harness.commands.options.weights import WeightsOptions
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS, HarnessError
from harness.text.console import say
from harness.text.progress import Progress

if TYPE_CHECKING:
    from harness.artifacts.bundle_writer import BundleWriter
    from harness.backends.backend import Backend
    from harness.records.series import Series

_DESCRIPTION = (
    "Converts models, and ONNX files to other precisions, verifies each graph against its network or file, and prints "
    "where the artifacts are."
)


def _add_options(parser: argparse.ArgumentParser) -> None:
    ModelOptions.add(parser)
    FileOptions.add_files(parser, "an ONNX file of fp32 that is converted to --precision fp16 or int8")
    FileOptions.add_inputs(parser)
    parser.set_defaults(artifacts=None)
    add_shard(parser, "the models, alike in multiply-adds")
    add_hosts(parser, "the models")
    PrecisionOptions.add(parser, precisions=PRECISIONS, float16_io=True)
    parser.add_argument(
        "--export",
        type=Path,
        metavar="DIR",
        help="also copy the artifacts to DIR, for `run --artifacts DIR` on a machine without the frameworks",
    )
    ParserOptions.add(parser, "--check-parser", "also let a real TensorRT parse and build each artifact")
    WeightsOptions.add(parser)
    ConversionOptions.add(parser)
    parser.add_argument(
        "--fused-for",
        choices=backends.names(),
        metavar="BACKEND",
        default=ArtifactRequest.backend,
        help="the runtime that --graph fused is for (%(default)s)",
    )


def request_of(arguments: argparse.Namespace) -> ArtifactRequest:
    """The artifacts that the options request."""
    precision = PrecisionOptions.read(arguments)
    # A conversion alone has no backend whose scheme it could take.
    precision = dataclasses.replace(precision, int8_scheme=precision.int8_scheme or INT8_SCHEMES[0])
    request = artifact_request(
        ModelOptions.read(arguments),
        FileOptions.read(arguments),
        precision,
        WeightsOptions.read(arguments),
        ConversionOptions.read(arguments),
    )
    return dataclasses.replace(request, backend=arguments.fused_for)


def _convert(arguments: argparse.Namespace) -> int:
    """Converts models and prints the artifacts' paths."""
    from harness.artifacts.bundle_writer import BundleWriter
    from harness.artifacts.conversions import convert_all
    from harness.artifacts.sharing_out import shared_out

    request, shard = request_of(arguments), None
    request.check()
    if request.onnx_files and not request.converts_files:
        raise HarnessError(
            f"--onnx {request.onnx_files[0]}: a file is converted to another precision or graph alone; add --precision "
            "fp16, --precision int8 or --graph fused"
        )
    if arguments.on:
        from harness.commands.convert_on_hosts import convert_on_hosts

        return convert_on_hosts(arguments, request)
    if arguments.shard:
        request, shard = shared_out(request, arguments.shard)
    parser = ParserOptions.read(arguments)
    judging = backends.buildable(parser.backend) if parser.wanted else None
    # A folder that cannot be written to is refused before the conversions, which may take an hour.
    with BundleWriter(arguments.export) if arguments.export else contextlib.nullcontext() as writer:
        if writer:
            writer.begin(shard)
        series = convert_all(request, ConversionOptions.read(arguments).cache_dir, say)
        paths = export_series(series, writer) if writer else {}
    for facts in series:
        print(f"{facts.model}\t{paths.get(facts.key) or facts.artifact_path or _failure(facts)}")
    failed = any(facts.status != "ok" for facts in series)
    if judging and not _all_taken(judging, series, arguments):
        failed = True
    if arguments.export:
        say(_how_to_measure(arguments.export, request))
    return EXIT_FAILED_ROWS if failed else EXIT_SUCCESS


def _failure(facts: Series) -> str:
    return f"{facts.status}: {facts.reason}"


def _all_taken(runtime: Backend, series: Sequence[Series], arguments: argparse.Namespace) -> bool:
    """Prints a real TensorRT's verdict on every artifact; returns whether it takes all."""
    from harness.artifacts.parsing import judge, summary

    conversion, timeout_s = ConversionOptions.read(arguments), ParserOptions.read(arguments).build_timeout_s
    made = [facts for facts in series if facts.status == "ok"]
    found = []
    for verdict in judge(runtime, made, timeout_s, conversion.cache_dir, say, workers=conversion.workers):
        found.append(verdict)
        print(verdict.line(), flush=True)
    say(summary(found, runtime))
    return all(one.status == "ok" for one in found)


def export_series(series: Sequence[Series], writer: BundleWriter) -> dict[str, Path]:
    """Puts every series into the bundle and reports its size.

    Returns:
        The paths of the artifacts in the bundle, by the keys of the series that have one.

    Raises:
        BundleError: the bundle holds other artifacts of these models, or cannot be written.
    """
    from zoo.catalog.reader import all_cards
    from zoo.selection import suites_of

    writer.check(series)
    paths: dict[str, Path] = {}
    with Progress("export", len(series)) as progress:
        for facts in series:
            copied = writer.add(facts, suites_of(facts.model, all_cards()))
            path = writer.artifact_path(facts)
            if path:
                paths[facts.key] = path
            how = "copied" if copied else "was there" if path else facts.status
            progress.step(f"{facts.model}: {how}", problem=path is None)
    size_mib = sum(file.size_bytes for file in writer.bundle.files()) / BYTES_PER_MIB
    say(f"{counted(len(writer.bundle.models), 'model')}, {size_mib:.0f} MiB in {writer.bundle.directory}")
    return paths


def _how_to_measure(directory: Path, request: ArtifactRequest) -> str:
    """The next step: the command that measures on the other machine what was exported here."""
    options = ""
    if request.precision != ArtifactRequest.precision:
        options += f" --precision {request.precision}"
    if request.graph != ArtifactRequest.graph:
        options += f" --backend {request.backend} --graph {request.graph}"
    if request.batch != ArtifactRequest.batch:
        options += f" --batch {request.batch}"
    return (
        "next: copy the folder to the machine that measures (docs/thin_machines.md), and run there:\n"
        f"  python -m harness run --artifacts {directory.resolve().name}{options}"
    )


CONVERT = Command(_add_options, _convert, description=_DESCRIPTION, epilog=MODELS_HELP)
