"""What a network's inputs hold while it is measured: noise by their types, ranges of values, or a file's arrays."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foundation.wording import cause
from harness.backends.session import TensorSpec
from harness.errors import ArtifactError, HarnessError
from harness.files.shapes import ImageAxes, first_image, image_axes, is_picture

if TYPE_CHECKING:
    import numpy.typing as npt

_FILE_ENDINGS = (".npy", ".npz")

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_PIXELS = (0, 255)

Range = tuple[float, float]
"""Lowest and highest value of uniform noise."""


@dataclasses.dataclass(frozen=True)
class Feed:
    """What the user wants the inputs to hold; by default values by their types."""

    ranges: tuple[Range, ...] = ()
    """One range for all inputs, or one for each channel of the images."""
    file: Path | None = None
    """Arrays as numpy writes them."""

    @classmethod
    def of(cls, text: str) -> Feed:
        """The feed of a cell of the column `inputs`: `LOW:HIGH`, one such range per channel, a path, or nothing.

        Raises:
            HarnessError: it is ranges, but not of numbers from low to high.
        """
        if not text:
            return cls()
        if text.endswith(_FILE_ENDINGS):
            return cls(file=Path(text))
        return cls(ranges=tuple(map(_range, text.split(","))))

    def __str__(self) -> str:
        if self.ranges:
            return ",".join(map(_range_text, self.ranges))
        return "" if self.file is None else str(self.file)

    def described(self) -> str:
        """What the inputs hold, as the end of a sentence."""
        if len(self.ranges) > 1:
            return f"uniform noise of {self}, channel by channel"
        for low, high in self.ranges:
            return f"uniform noise from {low:g} to {high:g}"
        return f"the values of {self.file}" if self.file else "standard normal noise"


def array_file(path: str) -> str:
    """The path of a file of arrays, whole, so that it is the same in every process.

    Raises:
        HarnessError: it is not one that numpy writes.
    """
    if not path.endswith(_FILE_ENDINGS):
        raise HarnessError(f"{path!r} is neither an .npy nor an .npz file; write one with numpy.save")
    return str(Path(path).absolute())


def _range(text: str) -> Range:
    match = re.fullmatch(rf"({_NUMBER}):({_NUMBER})", text.strip(), re.IGNORECASE)
    low, high = (float(match[1]), float(match[2])) if match else (math.nan, math.nan)
    if not low < high < math.inf or low == -math.inf:
        raise HarnessError(
            f"{text!r} is not a range of numbers; write LOW:HIGH, as in 0:255, or one for each channel, as in "
            "0:1,0:1,-1:1"
        )
    return low, high


def _range_text(limits: Range) -> str:
    return ":".join(f"{end:g}" for end in limits)


def seeded_values(inputs: Sequence[TensorSpec], seed: int, feed: Feed) -> dict[str, npt.NDArray[Any]]:
    """The values of every input of a session, in the inputs' order; the same seed gives the same.

    Raises:
        ArtifactError: what the user wants them to hold does not fit them.
    """
    return next(_inferences(inputs, itertools.repeat(seed, 1), feed))


def several_values(inputs: Sequence[TensorSpec], drawn: int, feed: Feed) -> list[dict[str, npt.NDArray[Any]]]:
    """The values of every input for several inferences: all that a file has, or as many as are to be drawn.

    Args:
        inputs: all inputs of a network, of fixed shapes.
        drawn: number of inferences if no file has several.
        feed: what the inputs hold.

    Raises:
        ArtifactError: what the user wants them to hold does not fit them.
    """
    return list(_inferences(inputs, range(_count_in(inputs, feed) if feed.file else drawn), feed))


def _inferences(
    inputs: Sequence[TensorSpec], seeds: Iterable[int], feed: Feed
) -> Iterator[dict[str, npt.NDArray[Any]]]:
    given = _arrays(feed.file, inputs) if feed.file else {}
    _check_channels(inputs, feed)
    for place, seed in enumerate(seeds):
        generator = np.random.default_rng(seed)
        yield {
            spec.name: _fitted(given[spec.name], spec, feed, place)
            if spec.name in given
            else _noise(spec, generator, feed)
            for spec in inputs
        }


def _count_in(inputs: Sequence[TensorSpec], feed: Feed) -> int:
    """Number of inferences that use up the longest array of a file."""
    given = _arrays(feed.file, inputs) if feed.file else {}
    counts = [
        -(-len(given[spec.name]) // spec.fixed_shape[0])
        for spec in inputs
        if spec.name in given and _is_batch(given[spec.name], spec.fixed_shape)
    ]
    return max(counts, default=1)


def _is_batch(array: npt.NDArray[Any], shape: tuple[int, ...]) -> bool:
    """Whether an array has things like those that an input takes, in any number."""
    return bool(array.ndim == len(shape) and array.ndim and array.shape[1:] == shape[1:] and len(array))


def _noise(spec: TensorSpec, generator: np.random.Generator, feed: Feed) -> npt.NDArray[Any]:
    shape, dtype = spec.fixed_shape, np.dtype(spec.dtype)
    if dtype.kind == "b":
        return np.ones(shape, dtype)
    if len(feed.ranges) == 1:
        return _uniform(spec, generator, feed.ranges[0])
    if axes := _channel_axes(spec, feed):
        return _prepared(spec, generator, feed, axes)
    if dtype.kind == "f":
        drawn = np.float64 if dtype == np.float64 else np.float32
        return np.asarray(generator.standard_normal(shape, dtype=drawn), dtype)
    if dtype.itemsize <= 2:
        limits = np.iinfo(dtype)
        return np.asarray(generator.integers(limits.min, limits.max, shape, dtype, endpoint=True), dtype)
    if len(shape) == 4 and is_picture(shape):
        return np.asarray(generator.integers(*_PIXELS, shape, dtype, endpoint=True), dtype)
    # Indices, lengths and masks: 1 is valid where they are.
    return np.ones(shape, dtype)


def _channel_axes(spec: TensorSpec, feed: Feed) -> ImageAxes | None:
    """The dimensions of an input whose channels the ranges are for; None for any other."""
    axes = image_axes(spec.shape) if np.dtype(spec.dtype).kind == "f" else None
    return axes if axes and spec.shape[axes.channels] == len(feed.ranges) else None


def _check_channels(inputs: Sequence[TensorSpec], feed: Feed) -> None:
    if len(feed.ranges) > 1 and not any(_channel_axes(spec, feed) for spec in inputs):
        shapes = ", ".join(f"{spec.name!r} {spec.dtype} {list(spec.shape)}" for spec in inputs)
        raise ArtifactError(
            f"--input-range {feed}: the network takes no floating-point images of {len(feed.ranges)} channels, but "
            f"{shapes}. Give one range, as in 0:255."
        )


def _prepared(spec: TensorSpec, generator: np.random.Generator, feed: Feed, axes: ImageAxes) -> npt.NDArray[Any]:
    """Images whose every channel has a range of its own."""
    lows, highs = (
        np.reshape(ends, [-1 if axis == axes.channels else 1 for axis in range(len(spec.shape))])
        for ends in zip(*feed.ranges, strict=True)
    )
    return np.asarray(generator.uniform(lows, highs, spec.fixed_shape), spec.dtype)


def _uniform(spec: TensorSpec, generator: np.random.Generator, limits: Range) -> npt.NDArray[Any]:
    shape, dtype = spec.fixed_shape, np.dtype(spec.dtype)
    low, high = limits
    if dtype.kind == "f":
        return np.asarray(generator.uniform(low, high, shape), dtype)
    first, last, holds = math.ceil(low), math.floor(high), np.iinfo(dtype)
    if first > last or first < holds.min or last > holds.max:
        raise ArtifactError(
            f"--input-range {_range_text(limits)}: input {spec.name!r} is {spec.dtype}, which holds whole numbers from "
            f"{holds.min} to {holds.max}. Give a range within these."
        )
    return np.asarray(generator.integers(first, last, shape, dtype, endpoint=True), dtype)


def _arrays(path: Path, inputs: Sequence[TensorSpec]) -> Mapping[str, npt.NDArray[Any]]:
    """The file's arrays by input: an `.npy` file's for the image, an `.npz` file's by their names."""
    loaded = read_arrays(path)
    names = [spec.name for spec in inputs]
    if "" in loaded:
        return {names[first_image([spec.shape for spec in inputs])]: loaded[""]}
    if unknown := sorted(set(loaded) - set(names)):
        raise ArtifactError(
            f"--input {path} has an array {unknown[0]!r}, but the network's inputs are {', '.join(names)}. "
            "Name each array like its input."
        )
    return loaded


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a file by name; that of an `.npy` file has an empty one.

    Raises:
        ArtifactError: the file cannot be read, or is not one that numpy wrote.
    """
    # Not at the top: most trials read no file.
    import zipfile

    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            return dict(loaded)
    except OSError as error:
        raise ArtifactError(f"--input {path} cannot be read: {cause(error)}.") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        # Numpy's own message advises to execute what is in the file.
        raise ArtifactError(
            f"--input {path} is not a file of numpy's with numbers alone. Write it with numpy.save or numpy.savez."
        ) from error


def _fitted(array: npt.NDArray[Any], spec: TensorSpec, feed: Feed, place: int) -> npt.NDArray[Any]:
    """The array as the input takes it: a lone image as each of the batch, several as a batch, repeated or cut.

    Args:
        array: what the file has for the input.
        spec: the input.
        feed: the file.
        place: number of batches before this one.
    """
    shape, dtype = spec.fixed_shape, np.dtype(spec.dtype)
    if array.shape == shape[1:] and shape:
        array = array[np.newaxis]
    if _is_batch(array, shape):
        array = array[(np.arange(shape[0]) + place * shape[0]) % len(array)]
    if array.shape != shape or not np.can_cast(array.dtype, dtype, "same_kind"):
        raise ArtifactError(
            f"--input {feed.file}: input {spec.name!r} takes {spec.dtype} {list(shape)}, not {array.dtype} "
            f"{list(array.shape)}. Give an array of that shape and type, or fix free dimensions with --shape."
        )
    return array.astype(dtype)
