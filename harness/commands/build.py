"""`harness build`: engines of artifacts, built where no trial runs, and on request for another machine."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.units import BYTES_PER_MIB
from foundation.vocabulary import PRECISIONS
from foundation.wording import counted
from harness import backends
from harness.artifacts.request import ArtifactRequest
from harness.commands.command import Command
from harness.commands.convert import export_series
from harness.commands.options.building import BuildOptions
from harness.commands.options.conversion import ConversionOptions
from harness.commands.options.models import MODELS_HELP, FileOptions, ModelOptions
from harness.commands.options.parsing import BACKENDS
from harness.commands.options.precision import PrecisionOptions
from harness.commands.options.request import artifact_request
from harness.commands.options.weights import WeightsOptions
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS, HarnessError
from harness.text.console import say

if TYPE_CHECKING:
    from harness.artifacts.bundle import Bundle
    from harness.artifacts.bundle_writer import BundleWriter
    from harness.processes.build import BuildResult
    from harness.processes.target import Target
    from harness.records.series import Series

_DESCRIPTION = (
    "Converts what is missing, and builds the engine of each artifact and of the reference network. Backend "
    "tensorrt-rtx builds on any machine, tensorrt on the GPU that will run them."
)

_EPILOG = f"""\
{MODELS_HELP}
With --export DIR, artifacts are copied to DIR when all are converted, and each engine when it is built: copy that
folder to the machine with the GPU, and `run --artifacts DIR` there builds nothing. An engine of another version or for
other GPUs is built again there. The folder has no --onnx files: `run --onnx FILE` builds theirs where the GPU is.

Run the same command again to resume after an interruption: nothing finished is built twice.

Exit codes: 0 success; 1 some engines could not be built, see the reason; 2 a bad request; 130 interrupted.
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    ModelOptions.add(parser)
    FileOptions.add(parser)
    parser.add_argument(
        "--export",
        type=Path,
        metavar="DIR",
        help="also copy artifacts and engines to DIR, for `run --artifacts DIR` on the machine with the GPU; with "
        "--artifacts the same folder",
    )
    group = parser.add_argument_group("building")
    group.add_argument("--backend", choices=BACKENDS, default=BACKENDS[0], help="runtime (%(default)s)")
    BuildOptions.add(group)
    PrecisionOptions.add(parser, precisions=PRECISIONS)
    WeightsOptions.add(parser)
    ConversionOptions.add(parser)


def request_of(arguments: argparse.Namespace) -> ArtifactRequest:
    """The artifacts that the options request."""
    conversion, files = ConversionOptions.read(arguments), FileOptions.read(arguments)
    request = artifact_request(
        ModelOptions.read(arguments),
        files,
        PrecisionOptions.read(arguments),
        WeightsOptions.read(arguments),
        conversion,
    )
    request = dataclasses.replace(request, backend=arguments.backend)
    return request if conversion.opset or files.artifacts else request.with_readable_opset()


def _build(arguments: argparse.Namespace) -> int:
    """Builds engines and prints their paths."""
    from harness.artifacts.bundle import read_bundle
    from harness.artifacts.bundle_writer import BundleWriter
    from harness.artifacts.conversions import bundled_series, convert_all

    request, options = request_of(arguments), BuildOptions.read(arguments)
    request.check()
    _check_export(request, arguments.export)
    runtime = backends.buildable(request.backend)
    if options.capabilities:
        runtime.check_capabilities(options.capabilities)
    bundle = read_bundle(request.artifacts) if request.artifacts else None
    cache_dir = ConversionOptions.read(arguments).cache_dir
    # A folder that cannot be written to is refused before the conversions, which may take an hour.
    with BundleWriter(arguments.export) if arguments.export else contextlib.nullcontext() as writer:
        series = (
            bundled_series(request, bundle, runtime, cache_dir, say) if bundle else convert_all(request, cache_dir, say)
        )
        if writer and not bundle:
            export_series(series, writer)
        results = _engines(series, request, arguments, bundle, writer)
    failed = _print_paths(series, results, arguments.export)
    if results[_reference_key()].engine is None:
        say("Without an engine of the reference network nothing can be measured: see its reason above.")
    elif arguments.export:
        say(_how_to_measure(arguments.export, request))
    return EXIT_FAILED_ROWS if failed else EXIT_SUCCESS


def _check_export(request: ArtifactRequest, export: Path | None) -> None:
    """Refuses to export what a bundle cannot have.

    Raises:
        HarnessError: the two folders differ, or a file of the user would have to be exported.
    """
    if export and request.onnx_files:
        raise HarnessError(
            f"--export {export}: a folder of artifacts has converted models only, not --onnx files; leave --export "
            f"out, or copy the file and build where the GPU is: run --onnx {request.onnx_files[0].path.name} --backend "
            f"{request.backend}"
        )
    if request.artifacts and export and request.artifacts.resolve() != export.resolve():
        raise HarnessError(
            f"--export {export}: engines of the artifacts in {request.artifacts} are added to that folder; give "
            f"--export {request.artifacts}, or copy the folder first"
        )


def _engines(
    series: Sequence[Series],
    request: ArtifactRequest,
    arguments: argparse.Namespace,
    bundle: Bundle | None,
    writer: BundleWriter | None,
) -> dict[str, BuildResult]:
    """Builds the engines of the series and of the reference network; returns the results by the artifact's digest."""
    from harness.artifacts.engines import build_engines, engine_targets
    from harness.artifacts.reference import reference_file

    options, conversion = BuildOptions.read(arguments), ConversionOptions.read(arguments)
    reference = bundle.reference_path if bundle else reference_file(conversion.cache_dir)
    earlier = arguments.export or request.artifacts
    names = engine_targets(
        series, reference, request.backend, options.settings(), conversion.cache_dir, bundle_dir=earlier
    )
    results: dict[str, BuildResult] = {}
    runtime = backends.get(request.backend)
    for target, result in build_engines(runtime, names, options.build_timeout_s, say, conversion.workers):
        results[_key(target)] = result
        if writer and result.engine:
            writer.add_engine(target, result.engine)
    return results


def _key(target: Target) -> str:
    return f"{target.sha256} {target.precision}"


def _reference_key() -> str:
    from harness.artifacts.reference import REFERENCE_SHA256

    return f"{REFERENCE_SHA256} fp32"


def _print_paths(series: Sequence[Series], results: Mapping[str, BuildResult], exported: Path | None) -> int:
    """Prints the path of each engine, or why there is none; returns how many there are without one.

    The reference network, whose engine nobody asked for, has a line only if there is none.
    """
    failed = sum(result.status != "ok" for result in results.values())
    reference = results.get(_reference_key())
    if reference and reference.engine is None:
        print(f"the reference network\t{reference.status}: {reference.reason}")
    for one in series:
        result = results.get(f"{one.artifact_sha256} {one.precision}")
        if result is None or result.engine is None:
            status, reason = (result.status, result.reason) if result else (one.status, one.reason)
            failed += result is None
            print(f"{one.model}\t{status}: {reason}")
            continue
        path = result.engine.path
        print(f"{one.model}\t{exported / 'engines' / path.parent.name / path.name if exported else path}")
    return failed


def _how_to_measure(directory: Path, request: ArtifactRequest) -> str:
    """The next step: the command that measures on the other machine what was built here."""
    size_mib = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) / BYTES_PER_MIB
    options = f" --backend {request.backend}"
    if request.precision != ArtifactRequest.precision:
        options += f" --precision {request.precision}"
    if request.batch != ArtifactRequest.batch:
        options += f" --batch {request.batch}"
    engines = counted(sum(1 for _ in (directory / "engines").iterdir()), "engine")
    return (
        f"{engines} in {directory}, {size_mib:.0f} MiB with the artifacts\n"
        "next: copy the folder to the machine with the GPU (docs/thin_machines.md), and run there:\n"
        f"  python -m harness run --artifacts {directory.resolve().name}{options}"
    )


BUILD = Command(_add_options, _build, description=_DESCRIPTION, epilog=_EPILOG, takes_artifacts=True)
