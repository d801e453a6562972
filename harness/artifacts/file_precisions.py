"""A user's FP32 files in another precision or graph, made like those of the zoo's models, on inputs that they take."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foundation.digests import json_sha256
from foundation.replacing import replacing
from foundation.vocabulary import FROM_EXACT_TO_COARSE, FUSED, graph_precision
from foundation.wording import cause, counted, one_line, sentences
from harness.artifacts.converting import Say, conversions_of
from harness.artifacts.facts import calibration_text, facts_of_file
from harness.artifacts.file_inputs import DRAWN_INFERENCES, image_resolution, specs_of
from harness.artifacts.request import ArtifactRequest
from harness.errors import ArtifactError, HarnessError
from harness.files.onnx_graph import OnnxGraph, read_graph
from harness.processes.inputs import Feed, several_values
from harness.processes.tensors import sha256_arrays

if TYPE_CHECKING:
    from converters.inputs import InputValues
    from converters.pool import Conversion
    from converters.request import ConversionRequest
    from harness.records.series import Series
    from zoo.card import Preprocessing


class _NotConvertedError(Exception):
    """A file that is not converted; the message says why."""


def in_asked_precision(found: Sequence[Series], request: ArtifactRequest, cache_dir: Path, say: Say) -> list[Series]:
    """The series of files, in the order given; those of FP32 files in the precision and graph that are asked.

    Args:
        found: each file in its own precision and as it is (`harness.artifacts.file_series`).
        request: the precision and graph of files, and how they are made.
        cache_dir: where artifacts are kept.
        say: prints a line for the user.
    """
    computed_in = request.file_precision
    if graph_precision(computed_in) != computed_in:
        of_the_graph = dataclasses.replace(request, file_precision=graph_precision(computed_in))
        files = in_asked_precision(found, of_the_graph, cache_dir, say)
        return [_computed_in(one, computed_in) for one in files]
    waiting = {one.model: one for one in found if one.status == "ok" and _is_changed(one, request)}
    if not waiting:
        return list(found)
    asked = request.file_precision or "a fused graph"
    try:
        made = _converted(list(waiting.values()), request, cache_dir, say)
    except ImportError as error:
        package = (error.name or str(error)).split(".")[0]
        reason = (
            f"{asked} is made from an fp32 file with packages of which {package} is not installed here: pip install "
            "'baseline-zoo[precision]', or run convert --onnx FILE with the same options on a machine that has them, "
            "and measure here the file that it names"
        )
        made = {model: _not_made(one, request, "unsupported", reason) for model, one in waiting.items()}
    return [made.get(one.model, one) for one in found]


def _is_changed(file: Series, request: ArtifactRequest) -> bool:
    """Whether another precision or graph is made of a file; one that computes in another precision stays as it is."""
    if request.file_precision not in ("", file.precision):
        return True
    return request.graph == FUSED and file.precision == FROM_EXACT_TO_COARSE[0]


def _computed_in(file: Series, precision: str) -> Series:
    """The series of a file of FP32, computed in another precision as it is."""
    return dataclasses.replace(file, precision=precision) if file.precision == graph_precision(precision) else file


def _converted(waiting: Sequence[Series], request: ArtifactRequest, cache_dir: Path, say: Say) -> dict[str, Series]:
    """The series of each model, made or not."""
    made: dict[str, Series] = {}
    wanted: dict[str, tuple[Series, ConversionRequest]] = {}
    for one in waiting:
        try:
            conversion = _request(one, request, cache_dir)
        except _NotConvertedError as error:
            made[one.model] = _not_made(one, request, "unsupported", str(error))
        except ArtifactError as error:
            made[one.model] = _not_made(one, request, "failed", str(error))
        else:
            wanted[one.model] = one, conversion
    for done in conversions_of([conversion for _, conversion in wanted.values()], request, cache_dir, say):
        file, _ = wanted[done.request.model]
        made[file.model] = _series(file, done, request)
        if made[file.model].calibration:
            say(f"{file.model}: int8 is calibrated on {made[file.model].calibration}")
    return made


def _series(file: Series, conversion: Conversion, asked: ArtifactRequest) -> Series:
    """The series of a conversion."""
    if conversion.artifact is None:
        return _not_made(file, asked, conversion.status, conversion.reason)
    request = conversion.request
    made = conversion.artifact.provenance
    if request.precision == file.precision and not any(made["fusion"]["rules"].values()):
        # What prepares a file for other precisions is no fusion: where no rule matches, the file itself is measured.
        return dataclasses.replace(file, graph=request.graph)
    described = facts_of_file(conversion.artifact.path, file.backend, request.precision, file.batch, file.variant)
    described = dataclasses.replace(described, graph=request.graph)
    return dataclasses.replace(
        described,
        inputs=file.inputs,
        inputs_sha256=file.inputs_sha256,
        warnings=" ".join(filter(None, (file.warnings, sentences(made.get("warnings", ()))))),
        calibration=calibration_text(request, made),
        conversion_s=sum(made["seconds"].values()),
        verification_relative_l2=max(check["relative_l2"] for check in made["verification"]),
    )


def _not_made(file: Series, request: ArtifactRequest, status: str, reason: str) -> Series:
    """The row of a file that is not there in the precision and graph that are asked."""
    return dataclasses.replace(
        file,
        precision=request.file_precision or file.precision,
        graph=request.graph,
        status=status,
        reason=one_line(reason),
        artifact_path="",
        artifact_sha256="",
        artifact_mib=None,
    )


def _request(file: Series, request: ArtifactRequest, cache_dir: Path) -> ConversionRequest:
    """The conversion of a file.

    Raises:
        _NotConvertedError: it cannot be calibrated or run as asked.
        ArtifactError: it cannot be read, or the given values do not fit its inputs.
        ImportError: a package that converts is not installed.
    """
    from converters.network_file import lowest_opset
    from converters.request import ConversionRequest, NetworkFile, PrecisionOptions

    precision = request.file_precision or file.precision
    if file.custom_operators:
        options = "--graph" if precision == file.precision else "--precision"
        raise _NotConvertedError(
            f"networks with custom operators are not converted; measure the file without {options}"
        )
    path = Path(file.artifact_path)
    graph = read_graph(path)
    values, preprocessing = None, _preprocessing(graph, request)
    if preprocessing is None:
        values = _values(graph, request, cache_dir)
    return ConversionRequest(
        file.model,
        file=NetworkFile(path, file.artifact_sha256, file.classes),
        opset=lowest_opset(precision, request.graph),
        batch=file.batch,
        resolution=file.resolution,
        graph=request.graph,
        backend=request.backend if request.graph == FUSED else "",
        precision=precision,
        preprocessing=preprocessing,
        options=PrecisionOptions(
            float16_io=request.float16_io,
            int8_scheme=request.scheme,
            calibration_images=request.calibration_images if values is None else None,
            calibration_count=request.calibration_limit,
            values=values,
        ),
    )


def _preprocessing(graph: OnnxGraph, request: ArtifactRequest) -> Preprocessing | None:
    """How images are prepared for a file; None if it is fed with values instead.

    Raises:
        _NotConvertedError: it is to be calibrated on images, and takes none.
    """
    from zoo.own_preprocessing import assumed_preprocessing

    resolution = image_resolution(graph)
    if resolution is None:
        if request.calibration_images is None:
            return None
        inputs = ", ".join(f"{value.name} {value.dtype} {value.shape_text()}" for value in graph.inputs)
        raise _NotConvertedError(
            f"images of --calibration-images are for a network with one float32 input of square colour images; it has "
            f"{inputs}: give values that these take instead, --input FILE.npz"
        )
    stated = request.own_preprocessing()
    if request.inputs and stated is None and request.calibration_images is None:
        return None
    return stated or assumed_preprocessing(resolution)


def _values(graph: OnnxGraph, request: ArtifactRequest, cache_dir: Path) -> InputValues:
    """What a file that is not calibrated on images is fed with, in a file of the cache.

    Raises:
        _NotConvertedError: an input has a type that values cannot be made for.
        ArtifactError: the given values do not fit.
        HarnessError: the cache cannot be written.
    """
    from converters.inputs import InputValues

    for value in graph.inputs:
        if not _is_number(value.dtype):
            raise _NotConvertedError(
                f"its input {value.name!r} takes {value.dtype or 'no tensor'}, of which no values can be made; measure "
                "the file without --precision"
            )
    feed = Feed.of(request.inputs)
    drawn = several_values(specs_of(graph), DRAWN_INFERENCES, feed)
    arrays = {name: np.stack([one[name] for one in drawn]) for name in drawn[0]}
    described = f"{counted(len(drawn), 'inference')} of {feed.described()}"
    return InputValues(_stored(list(arrays.values()), cache_dir), tuple(arrays), described, drawn=feed.file is None)


def _is_number(dtype: str) -> bool:
    try:
        return np.dtype(dtype).kind in "biuf"
    except TypeError:
        return False


def _stored(arrays: list[NDArray[Any]], cache_dir: Path) -> Path:
    """The file with these arrays, named by their content."""
    digest = json_sha256([[str(array.dtype), array.shape, sha256_arrays([array])] for array in arrays])
    path = cache_dir / "onnx" / "values" / f"{digest}.npz"
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.savez(file, *arrays)
    except OSError as error:
        raise HarnessError(
            f"the cache {cache_dir} cannot be used ({cause(error)}): free space there, or give another --cache-dir"
        ) from error
    return path
