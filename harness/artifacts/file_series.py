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
from harness.errors import ArtifactError, HarnessError
from harness.files.artifact_digest import artifact_sha256, external_locations
from harness.files.file_kind import other_kind
from harness.files.file_precision import file_precision
from harness.files.onnx_copy import write_copy
from harness.files.onnx_graph import OnnxGraph, read_graph
from harness.files.shapes import first_image
from harness.processes.inputs import Feed, read_arrays

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


def series_of_file(name: str, path: Path, settings: FileSettings) -> Series:
    """The series of a file, or the row that says why there is none.

    Raises:
        HarnessError: a copy cannot be written.
    """
    try:
        wrong = wrong_file(path)
        if wrong:
            raise ArtifactError(wrong)
        measured, notes = _measurable(path, settings)
        precision = settings.precision or _own_precision(measured)
    except ArtifactError as error:
        asked = settings.precision or FROM_EXACT_TO_COARSE[0]
        series = facts_of_file(path, settings.backend.name, asked, settings.shapes.batch, name)
        return dataclasses.replace(series, status="failed", reason=one_line(f"{path}: {error}"))
    series = facts_of_file(measured, settings.backend.name, precision, settings.shapes.batch, name)
    return dataclasses.replace(
        series, inputs=settings.inputs, custom_operators=settings.custom_operators, warnings=sentences(notes)
    )


def _own_precision(path: Path) -> str:
    """The precision of the file's graph; of one that cannot be read, which its measurement reports, the most exact."""
    try:
        return file_precision(read_graph(path))
    except ArtifactError:
        return FROM_EXACT_TO_COARSE[0]


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
