"""The series of the user's ONNX files: each as it is, or a copy that the runtime can load and measure."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.digests import json_sha256
from foundation.vocabulary import FROM_EXACT_TO_COARSE
from foundation.wording import cause, listed, one_line, sentences
from harness.artifacts.facts import facts_of_file
from harness.artifacts.input_shapes import AskedShapes, FixedShapes, fixed_shapes
from harness.artifacts.preprocessing import takes_prepared_images
from harness.errors import ArtifactError, HarnessError
from harness.files.artifact_digest import artifact_sha256, external_locations
from harness.files.file_kind import other_kind
from harness.files.file_precision import file_precision
from harness.files.onnx_copy import write_copy
from harness.files.onnx_graph import OnnxGraph, read_graph
from harness.files.shapes import first_image, resolution_of
from harness.files.training_mode import training_notes
from harness.processes.inputs import Feed, read_arrays
from harness.records.companions import with_companions

if TYPE_CHECKING:
    from harness.backends.backend import Backend
    from harness.records.series import Series

_COPIES_NAME = "onnx"
_BRANCHING = ("If", "Loop", "Scan")
"""Operators with a part that may never run, and may not fit the sizes: if these are fixed, a runtime checks it too."""


@dataclasses.dataclass(frozen=True)
class FileSettings:
    """How files are measured."""

    backend: Backend
    precision: str
    """The requested precision; empty for that of each file's own graph."""
    shapes: AskedShapes
    inputs: str
    """See `Series.inputs`."""
    cache_dir: Path
    """Where copies are kept."""
    custom_operators: str = ""
    """See `Series.custom_operators`."""
    prepared_inputs: str = ""
    """What the inputs of files that take prepared images hold if `inputs` says nothing."""


def series_of_file(name: str, path: Path, settings: FileSettings) -> Series:
    """The series of a file in its own precision, or the row that says why there is none.

    That of an FP32 file is to be converted if another precision is requested (`harness.artifacts.file_precisions`).

    Raises:
        HarnessError: a copy cannot be written.
    """
    try:
        wrong = wrong_file(path)
        if wrong:
            raise ArtifactError(wrong)
        measured, notes = _measurable(path, settings)
        graph = _readable(measured)
        own = _own_precision(graph)
        series = facts_of_file(measured, settings.backend.name, own, settings.shapes.batch, name)
        series = with_companions(series, _inputs(graph, settings), settings.custom_operators)
    except ArtifactError as error:
        asked = settings.precision or FROM_EXACT_TO_COARSE[0]
        series = facts_of_file(path, settings.backend.name, asked, settings.shapes.batch, name)
        return dataclasses.replace(series, status="failed", reason=one_line(f"{path}: {error}"))
    series = dataclasses.replace(series, warnings=sentences([*notes, *(training_notes(graph) if graph else [])]))
    if settings.precision in ("", own) or own == FROM_EXACT_TO_COARSE[0]:
        return series
    return _in_another_precision(series, settings.precision)


def _in_another_precision(series: Series, asked: str) -> Series:
    """The series of a file that is no FP32 one in a precision that is not its own.

    As FP32 it is measured, and fails unless the runtime computes it so, as processors without kernels for float16 do.
    """
    own = series.precision
    if asked == FROM_EXACT_TO_COARSE[0]:
        note = sentences([f"the file's graph is in {own}, but {asked} is stated with --precision"])
        return dataclasses.replace(series, precision=asked, warnings=f"{series.warnings} {note}".strip())
    reason = (
        f"the file is {own} already, and other precisions are made from fp32 alone: measure it without --precision, as "
        f"{own}, or give the fp32 file"
    )
    return dataclasses.replace(series, precision=asked, status="unsupported", reason=reason)


def _readable(path: Path) -> OnnxGraph | None:
    """The file's graph; None if it cannot be read, which its measurement reports."""
    try:
        return read_graph(path)
    except ArtifactError:
        return None


def _own_precision(graph: OnnxGraph | None) -> str:
    """The precision of a graph; of one that cannot be read, the most exact."""
    return file_precision(graph) if graph else FROM_EXACT_TO_COARSE[0]


def _inputs(graph: OnnxGraph | None, settings: FileSettings) -> str:
    """What the inputs hold: as asked, else prepared images where the graph takes them."""
    if settings.inputs or graph is None or not takes_prepared_images(graph):
        return settings.inputs
    return settings.prepared_inputs


def wrong_file(path: Path) -> str:
    """Why a file is not the network that was meant, as the end of a sentence; empty if it may be.

    Raises:
        ArtifactError: the file cannot be read.
    """
    try:
        if kind := other_kind(path):
            return f"the file is {kind}"
        for location, weights in external_locations(path).items():
            if weights is None:
                return f"its weights are in {location!r}, which is not beside it; copy that file too"
            if kind := other_kind(weights, text=False):
                return f"its weights are in {location!r}, which is {kind}"
    except OSError as error:
        raise ArtifactError(f"it cannot be read: {cause(error)}") from error
    return ""


def resolution_as_measured(path: Path, asked: AskedShapes) -> int | None:
    """Height and width of the square images that a file takes; None if it takes no such images, or cannot be read."""
    try:
        graph = read_graph(path)
        shapes = fixed_shapes(graph, asked).shapes
    except ArtifactError:
        return None
    tensors = [shapes[value.name] for value in graph.inputs if value.dtype]
    return resolution_of(tensors[first_image(tensors)]) if tensors else None


def check_companions(inputs: str, custom_operators: str) -> None:
    """Refuses files of inputs and libraries of operators that are not there.

    Args:
        inputs: see `Series.inputs`.
        custom_operators: see `Series.custom_operators`.

    Raises:
        HarnessError: a file is not there, or `inputs` is no range.
    """
    feed = Feed.of(inputs)
    library = Path(custom_operators)
    if custom_operators and not library.is_file():
        what = "this is a folder; give the library in it" if library.is_dir() else "no such file"
        raise HarnessError(f"--custom-operators {library}: {what}")
    if feed.file and not feed.file.is_file():
        raise HarnessError(f"--input {feed}: no such file")


def check_shapes(files: Collection[Path], asked: Mapping[str, tuple[int, ...]]) -> None:
    """Refuses shapes of inputs that no file has; a file that cannot be read may have any.

    Raises:
        HarnessError: there are such shapes; the message lists the inputs that there are.
    """
    if not asked:
        return
    if not files:
        raise HarnessError(f"--shape {next(iter(asked))}: it is for ONNX files; add --onnx")
    found: dict[str, None] = {}
    for path in files:
        try:
            found.update(dict.fromkeys(value.name for value in read_graph(path).inputs))
        except ArtifactError:
            return
    if unknown := [name for name in asked if name not in found]:
        raise HarnessError(f"--shape {unknown[0]}: no file has this input; their inputs: {', '.join(found) or 'none'}")


def _measurable(path: Path, settings: FileSettings) -> tuple[Path, list[str]]:
    """The file, or a copy of it, and what differs in the copy or was asked in vain.

    Raises:
        ArtifactError: its shapes cannot be fixed.
        HarnessError: the copy cannot be written.
    """
    try:
        graph = read_graph(path)
    except ArtifactError:
        # The runtime, whose reader knows more, says what is wrong.
        return path, []
    fixed = fixed_shapes(graph, _with_shapes_of_arrays(graph, settings))
    is_free = any(value.dtype and not value.is_fixed for value in graph.inputs)
    branching = [node.operator for node in graph.nodes if node.operator in _BRANCHING]
    feeds = bool(is_free and branching and settings.backend.feeds_free_sizes)
    notes = list(fixed.notes)
    if feeds:
        notes.append(
            f"the sizes stay free in its graph, which has {listed(branching)}, and are those of what it is fed"
        )
    version = settings.backend.readable_ir_version(graph.ir_version)
    if version != graph.ir_version:
        notes.append(
            f"the file has IR version {graph.ir_version}, and {settings.backend.runtime()} reads up to {version}: "
            f"measured is a copy with IR version {version}"
        )
    if version == graph.ir_version and not is_free:
        return path, notes
    return _copy(path, graph, fixed, _CopySettings(version, feeds, settings.cache_dir)), notes


@dataclasses.dataclass(frozen=True)
class _CopySettings:
    """How a copy is made."""

    ir_version: int
    feeds: bool
    """Whether the graph keeps its free sizes, and the copy states what it is fed with."""
    cache_dir: Path


def _with_shapes_of_arrays(graph: OnnxGraph, settings: FileSettings) -> AskedShapes:
    """What is asked, with the shapes of the arrays that free inputs will hold.

    Raises:
        ArtifactError: the arrays cannot be read.
    """
    file = Feed.of(settings.inputs).file
    if file is None or all(value.is_fixed for value in graph.inputs):
        return settings.shapes
    arrays = read_arrays(file)
    image = graph.inputs[first_image([value.shape or () for value in graph.inputs])]
    found = {image.name if name == "" else name: array.shape for name, array in arrays.items()}
    ranks = {value.name: len(value.shape or ()) for value in graph.inputs if not value.is_fixed}
    shapes = {name: shape for name, shape in found.items() if len(shape) == ranks.get(name)}
    return dataclasses.replace(settings.shapes, shapes={**shapes, **settings.shapes.shapes})


def _copy(path: Path, graph: OnnxGraph, fixed: FixedShapes, how: _CopySettings) -> Path:
    free = {value.name: fixed.shapes[value.name] for value in graph.inputs if value.dtype and not value.is_fixed}
    facts = {"artifact": artifact_sha256(path), "shapes": free, "symbols": dict(fixed.symbols)}
    key = json_sha256({**facts, "ir_version": how.ir_version, **({"fed": True} if how.feeds else {})})
    target = how.cache_dir / _COPIES_NAME / key / path.name
    try:
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            if how.feeds:
                write_copy(path, target, shapes={}, symbols={}, ir_version=how.ir_version, fed=free)
            else:
                write_copy(path, target, shapes=free, symbols=fixed.symbols, ir_version=how.ir_version)
    except OSError as error:
        raise HarnessError(
            f"the cache {how.cache_dir} cannot be used ({cause(error)}): free space there, or give another --cache-dir"
        ) from error
    return target
