"""Compares ONNX files with each other, and with the other precisions of one, on images or on the usual inputs."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from converters.calibration import Calibration
from converters.errors import VerificationError
from converters.inputs import Feed, FeedSet, ImageInputs, agreements_of, expected_rows_of, rows_of
from converters.rounding import with_rounding
from converters.verify import Agreement
from foundation.vocabulary import NATIVE
from foundation.wording import first_line, listed
from harness.artifacts.agreement import prepared_images
from harness.artifacts.file_inputs import DRAWN_INFERENCES, image_resolution, specs_of
from harness.artifacts.preprocessing import preprocessing_in
from harness.datasets import ImageSet
from harness.errors import HarnessError
from harness.files.onnx_graph import read_graph
from harness.files.shapes import image_axes
from harness.processes.inputs import Feed as Held
from harness.processes.inputs import several_values
from harness.records.series import Series
from zoo import own
from zoo.card import Preprocessing
from zoo.own_preprocessing import assumed_preprocessing
from zoo.preprocessing import PreprocessingError

NATURAL_IMAGES = 8
"""Generated images that files are compared on if none are given."""


@dataclasses.dataclass(frozen=True)
class FileAgreement:
    """How a file agrees with the first one."""

    name: str
    status: str
    """`ok`, `differs`, or how the making of the file ended."""
    reason: str = ""
    agreements: tuple[Agreement, ...] = ()
    """On each set of inputs."""
    classifies: bool = False
    """Whether the file has one number for each class."""
    unreadable: tuple[str, ...] = ()
    """Images that were skipped, and why."""

    def line(self) -> str:
        """One line of the table."""
        parts = [self.name, f"{self.status}: {self.reason}" if self.reason else self.status]
        for one in self.agreements:
            equal = round(one.count * one.top1_agreement)
            top1 = f"top-1 equal on {equal:,} of {one.count:,}, " if self.classifies else f"{one.count:,} rows, "
            parts.append(f"{one.images}: {top1}relative L2 {one.relative_l2:.1e}")
        if self.unreadable:
            parts.append(f"{len(self.unreadable):,} unreadable, the first: {self.unreadable[0]}")
        return "  ".join(parts)


@dataclasses.dataclass(frozen=True)
class ComparedOn:
    """What files are compared on."""

    images: ImageSet | None
    """The labels are ignored; None for generated inputs."""
    preprocessing: Preprocessing | None
    """How images are prepared; None for what a file states, else the usual way."""
    inputs: str
    """See `Series.inputs`."""


def agree_with_first(base: Series, others: Sequence[Series], on: ComparedOn) -> Iterator[FileAgreement]:
    """The agreement of each file with the first, in ONNX Runtime on the CPU; float16 files with their rounding.

    Args:
        base: the file that the others are compared with.
        others: files with inputs of the same shapes, under any names.
        on: what they are compared on.

    Raises:
        HarnessError: images are given for a network that takes none, or the first file yields NaN or infinity.
        ArtifactError: the first file cannot be read, or given values do not fit it.
    """
    unreadable: list[str] = []
    sets = list(input_sets(base, on, unreadable))
    with tempfile.TemporaryDirectory(prefix="baseline-zoo-") as folder:
        try:
            expected = expected_rows_of(sets, rounded(base, Path(folder)), base.batch)
        except VerificationError as error:
            raise HarnessError(f"{base.model}: {error}") from error
        for other in others:
            yield dataclasses.replace(_agreement(base, other, sets, expected, folder), unreadable=tuple(unreadable))


def _agreement(
    base: Series, other: Series, sets: Sequence[FeedSet], expected: Sequence[NDArray[np.float32]], folder: str
) -> FileAgreement:
    name = f"{other.model} in {other.precision}" + ("" if other.graph == NATIVE else f", {other.graph}")
    if other.status != "ok":
        return FileAgreement(name, other.status, other.reason)
    shapes = [[spec.shape for spec in specs_of(read_graph(Path(one.artifact_path)))] for one in (base, other)]
    if shapes[0] != shapes[1]:
        return FileAgreement(name, "differs", f"its inputs are {shapes[1]}, those of {base.model} {shapes[0]}")
    try:
        path = rounded(other, Path(folder))
        names = [spec.name for spec in specs_of(read_graph(path))]
        actual = rows_of([_named_like(one, names) for one in sets], path, base.batch)
        found = agreements_of(sets, expected, actual)
    except VerificationError as error:
        return FileAgreement(name, "differs", str(error))
    except Exception as error:
        # What a runtime raises is its own.
        return FileAgreement(name, "failed", f"{type(error).__name__}: {first_line(error)}")
    return FileAgreement(name, "ok", agreements=tuple(found), classifies=base.classes is not None)


def _named_like(fed: FeedSet, names: Sequence[str]) -> FeedSet:
    """The same values for inputs of other names."""
    feeds: list[Feed] = [dict(zip(names, feed.values(), strict=True)) for feed in fed.feeds]
    return dataclasses.replace(fed, feeds=feeds)


def rounded(series: Series, folder: Path) -> Path:
    """The file of a series, or, of one in float16, a copy in the folder that rounds wherever it runs."""
    path = Path(series.artifact_path)
    if series.precision != "fp16":
        return path
    rounded = folder / f"{series.artifact_sha256}.onnx"
    onnx.save(with_rounding(onnx.load(path)), rounded)
    return rounded


def input_sets(base: Series, on: ComparedOn, unreadable: list[str]) -> Iterator[FeedSet]:
    """What a file is fed with to be compared with others.

    Args:
        base: the file.
        on: images or values, and how they are prepared.
        unreadable: images that cannot be read are added to it.

    Raises:
        HarnessError: images are given for a network that takes none, or none of them can be used.
        ArtifactError: the file cannot be read, or given values do not fit it.
    """
    path = Path(base.artifact_path)
    graph = read_graph(path)
    resolution = image_resolution(graph)
    if resolution is None or (on.inputs and on.images is None):
        if on.images is not None:
            raise HarnessError(
                f"--images: {base.model} does not have one float32 input of square colour images; leave --images out, "
                "and give what its inputs take by --input FILE"
            )
        specs = specs_of(graph)
        drawn = several_values(specs, DRAWN_INFERENCES, Held.of(on.inputs))
        yield FeedSet("values", drawn, len(drawn) * base.batch)
        return
    preprocessing = on.preprocessing or preprocessing_in(path) or assumed_preprocessing(resolution)
    (image,) = graph.inputs
    axes = image_axes(image.shape or ())
    last = axes is not None and axes.channels > axes.width
    fed = ImageInputs(image.name, base.batch, resolution, last, own.SOURCE, preprocessing, Calibration())
    if on.images is None:
        yield from fed.compared(NATURAL_IMAGES, 0)
        return
    try:
        images = list(prepared_images(own.card(base.model, resolution, preprocessing), on.images, unreadable))
    except PreprocessingError as error:
        raise HarnessError(f"{base.model}: images cannot be prepared for it: {error} (--preprocessing)") from error
    if not images:
        raise HarnessError(f"--images: none of them can be used; the first: {listed(unreadable, 1)}")
    yield fed.given(np.concatenate(images))
