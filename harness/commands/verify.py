"""`harness verify`: networks and artifacts compared with the original releases, or with each other on images."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.vocabulary import FUSED, NATIVE, PRECISIONS, PROBE
from harness import backends
from harness.artifacts.request import ArtifactRequest
from harness.commands.command import Command
from harness.commands.options.conversion import ConversionOptions
from harness.commands.options.models import MODELS_HELP, FileOptions, ModelOptions
from harness.commands.options.parsing import COMPUTING, ParserOptions
from harness.commands.options.precision import PrecisionOptions
from harness.commands.options.request import artifact_request
from harness.commands.options.types import precisions
from harness.commands.options.weights import WeightsOptions
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS, HarnessError
from harness.text.console import say

if TYPE_CHECKING:
    from converters.pool import Conversion
    from harness.datasets import ImageSet

DEFAULT_IMAGES = 64
"""Default number of images for `verify --images`."""

_DESCRIPTION = (
    "Builds each model with probe weights, and compares parameters, multiply-adds, signature and "
    "logits with those of the original code, and the converted artifact's logits too. With --images, compares each "
    "artifact with the network that it was made from, on images that are preprocessed as the release does, or as "
    "--preprocessing says for a user network. With --onnx, compares files with the first, and that one with what is "
    "made of it in --precision, on --images or on generated inputs. With --parser, lets TensorRT for RTX, which needs "
    "no GPU for it, parse and build the artifacts in fp32, fp16 and int8. With --backend openvino, compares what "
    "OpenVINO computes of each artifact or file with what ONNX Runtime does."
)


def _add_options(parser: argparse.ArgumentParser) -> None:
    ModelOptions.add(parser)
    group = parser.add_argument_group("images", "docs/accuracy.md")
    group.add_argument("--images", type=Path, metavar="DIR", help="compare logits and top-1 on these images")
    group.add_argument(
        "--ground-truth", type=Path, metavar="FILE", help="labels of images that are not in class folders"
    )
    group.add_argument("--limit", type=int, metavar="N", help=f"a class-balanced subset of N images ({DEFAULT_IMAGES})")
    _add_file_options(parser)
    what = "let a real TensorRT parse and build each model in fp32, fp16 and int8"
    ParserOptions.add(parser, "--parser", what, COMPUTING)
    WeightsOptions.add(parser)
    ConversionOptions.add(parser, implementation=False)


def _add_file_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("files", "docs/precision.md")
    FileOptions.add_files(group, "an ONNX file; further ones, and those made from it, are compared with the first")
    FileOptions.add_inputs(group)
    group.add_argument(
        "--precision",
        type=precisions,
        default=(),
        metavar="PRECISIONS",
        help="precisions that the first file, of fp32, is converted to and compared with: fp16, int8 or fp16,int8",
    )
    PrecisionOptions.add_int8(group)
    parser.set_defaults(artifacts=None)


def _verify(arguments: argparse.Namespace) -> int:
    """Verifies models and their artifacts, and prints one line for each."""
    if arguments.onnx:
        return _verify_files(arguments)
    if arguments.precision:
        raise HarnessError("--precision: it is for files; add --onnx FILE")
    conversion = ConversionOptions.read(arguments)
    request = artifact_request(
        ModelOptions.read(arguments),
        FileOptions(),
        PrecisionOptions(),
        WeightsOptions.read(arguments),
        conversion,
    )
    request.check()
    runtimes = ParserOptions.read(arguments)
    if runtimes.wanted:
        if arguments.images is not None:
            raise HarnessError(
                "--parser and --images: give one of them; the parser judges graphs, not what they compute"
            )
        return _judge_all(request, arguments)
    images = _images(arguments)
    if runtimes.computing:
        return _compare_runtimes([request], runtimes.computing, images, conversion.cache_dir)
    return _verify_models(request, images, conversion.cache_dir)


def _verify_models(request: ArtifactRequest, images: ImageSet | None, cache_dir: Path) -> int:
    """Verifies models against their releases, or on images against their networks; prints one line for each.

    Raises:
        HarnessError: there is nothing to compare them with.
    """
    from harness.artifacts.conversions import converted

    if images is None and request.weights != PROBE:
        raise HarnessError(
            f"--weights {request.weights}: the results of the releases are recorded for probe weights; add --images "
            "DIR to verify artifacts with other weights against their networks"
        )
    if images is None and request.own_models:
        raise HarnessError(
            f"--model {request.own_models[0]}: there is no release to compare it with; add --images DIR to compare its "
            "artifact with the network"
        )
    if images is None:
        _refuse_libraries(request)
    by_model = {one.request.model: one for one in converted(request, cache_dir, say)}
    conversions = [by_model[name] for name in (*(card.name for card in request.cards()), *request.own_models)]
    agree = _compare_with_releases(conversions) if images is None else _agree(conversions, images, cache_dir)
    return EXIT_SUCCESS if agree else EXIT_FAILED_ROWS


def _verify_files(arguments: argparse.Namespace) -> int:
    """Compares files with the first one, and that one with what is made from it; prints one line for each.

    Raises:
        HarnessError: there is nothing to compare, or the first file cannot be run.
    """
    from harness.artifacts.conversions import file_series
    from harness.artifacts.file_agreement import ComparedOn, agree_with_first

    models = ModelOptions.read(arguments)
    if models != ModelOptions() or ParserOptions.read(arguments).wanted:
        raise HarnessError("--onnx, --parser and models: verify one of them at a time")
    files, cache_dir = FileOptions.read(arguments), ConversionOptions.read(arguments).cache_dir
    plain = dataclasses.replace(_request_of_files(arguments, files, None), graph=NATIVE)
    first = dataclasses.replace(files, onnx_files=files.onnx_files[:1])
    # A graph alone is made in the file's own precision.
    wanted = arguments.precision or ((None,) if arguments.graph == FUSED else ())
    derived = [_request_of_files(arguments, first, precision) for precision in wanted]
    images = _images(arguments)
    if runtime := ParserOptions.read(arguments).computing:
        return _compare_runtimes([plain, *derived], runtime, images, cache_dir)
    if len(files.onnx_files) + len(derived) == 1:
        raise HarnessError(
            f"--onnx {files.onnx_files[0]}: there is nothing to compare it with; add a second --onnx FILE, "
            "--precision int8 or --graph fused"
        )
    on = ComparedOn(images, plain.own_preprocessing(), plain.inputs)
    base, *others = file_series(plain, cache_dir, say)
    if base.status != "ok":
        raise HarnessError(f"{base.model}: {base.reason}")
    for request in derived:
        others += (dataclasses.replace(one, model=base.model) for one in file_series(request, cache_dir, say))
    found = []
    for one in agree_with_first(base, others, on):
        found.append(one)
        print(one.line(), flush=True)
    return EXIT_SUCCESS if all(one.status == "ok" for one in found) else EXIT_FAILED_ROWS


def _compare_runtimes(
    requests: Sequence[ArtifactRequest], backend: str, images: ImageSet | None, cache_dir: Path
) -> int:
    """Compares what a backend computes with what ONNX Runtime does, file by file; prints a line for each, and a sum.

    Raises:
        HarnessError: the backend cannot run here.
    """
    from harness.artifacts.conversions import convert_all
    from harness.artifacts.file_agreement import ComparedOn
    from harness.artifacts.runtime_agreement import agree_with_onnxruntime, summary

    runtime = backends.usable(backend).runtime()
    found = []
    for request in requests:
        on = ComparedOn(images, request.own_preprocessing(), request.inputs)
        series = convert_all(dataclasses.replace(request, backend=backend), cache_dir, say)
        for one in agree_with_onnxruntime(series, on):
            found.append(one)
            print(one.line(), flush=True)
    print(f"\n{summary(found, runtime)}")
    return EXIT_SUCCESS if all(one.status == "ok" for one in found) else EXIT_FAILED_ROWS


def _request_of_files(arguments: argparse.Namespace, files: FileOptions, precision: str | None) -> ArtifactRequest:
    """The request for files in a precision; in their own if None.

    Raises:
        HarnessError: it could only fail later.
    """
    options = PrecisionOptions((precision,) if precision else ())
    if precision == "int8":
        options = PrecisionOptions(
            (precision,), arguments.int8_scheme or "", arguments.calibration_images, arguments.calibration_count
        )
    request = artifact_request(
        ModelOptions(), files, options, WeightsOptions.read(arguments), ConversionOptions.read(arguments)
    )
    request.check()
    return request


def _refuse_libraries(request: ArtifactRequest) -> None:
    """Refuses networks of libraries, which are the original code.

    Raises:
        HarnessError: there are some.
    """
    from zoo.libraries import SOURCES

    named = next((card.name for card in request.cards() if card.source in SOURCES), None)
    if named:
        raise HarnessError(
            f"{named}: the library's own code builds it, so there is no other to compare it with; `convert` verifies "
            "each artifact with it, and --images DIR does on images"
        )


def _judge_all(request: ArtifactRequest, arguments: argparse.Namespace) -> int:
    """Prints a real TensorRT's verdict on every model in every precision."""
    from harness.artifacts.conversions import convert_all
    from harness.artifacts.parsing import judge, summary

    options, conversion = ParserOptions.read(arguments), ConversionOptions.read(arguments)
    runtime = backends.buildable(options.backend)
    # An int8 artifact follows the rules of the library that judges it.
    request = dataclasses.replace(request, backend=options.backend)
    found = []
    for precision in PRECISIONS:
        series = convert_all(dataclasses.replace(request, precision=precision), conversion.cache_dir, say)
        verdicts = judge(
            runtime, series, options.build_timeout_s, conversion.cache_dir, say, workers=conversion.workers
        )
        for verdict in verdicts:
            found.append(verdict)
            print(verdict.line(), flush=True)
    print(f"\n{summary(found, runtime)}")
    return EXIT_SUCCESS if all(one.status == "ok" for one in found) else EXIT_FAILED_ROWS


def _images(arguments: argparse.Namespace) -> ImageSet | None:
    """The images that the options select; None without --images.

    Raises:
        AccuracyError: the images are not a known data set, or a damaged one.
        HarnessError: an option for images is given without --images.
    """
    from harness.datasets import open_pixels

    if arguments.images is None:
        if arguments.ground_truth is not None or arguments.limit is not None:
            raise HarnessError("--ground-truth and --limit need --images DIR")
        return None
    limit = DEFAULT_IMAGES if arguments.limit is None else arguments.limit
    return open_pixels(arguments.images, ground_truth=arguments.ground_truth, limit=limit)


def _compare_with_releases(conversions: list[Conversion]) -> bool:
    """Compares networks and artifacts with what the releases compute; returns whether all agree."""
    from harness.artifacts.verification import largest_errors, line, verify_model

    found = []
    for conversion in conversions:
        found.append(verify_model(conversion))
        print(line(found[-1]), flush=True)
    print()
    for summary in largest_errors(found):
        print(summary)
    return all(one.status == "ok" for one in found)


def _agree(conversions: list[Conversion], images: ImageSet, cache_dir: Path) -> bool:
    """Compares artifacts with their networks on images; returns whether all agree."""
    from harness.artifacts.agreement import agree_on_images

    found = []
    for conversion in conversions:
        found.append(agree_on_images(conversion, images, cache_dir))
        print(found[-1].line(), flush=True)
    return all(one.status == "ok" for one in found)


VERIFY = Command(_add_options, _verify, description=_DESCRIPTION, epilog=MODELS_HELP)
