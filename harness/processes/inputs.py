"""What a network's inputs hold while it is measured: noise by their types, a range of values, or a file's arrays."""

from __future__ import annotations

import dataclasses
import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foundation.wording import cause
from harness.backends.session import Session, TensorSpec
from harness.errors import ArtifactError, HarnessError
from harness.files.shapes import first_image, is_picture

if TYPE_CHECKING:
    import numpy.typing as npt

FILE_ENDINGS = (".npy", ".npz")

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_PIXELS = (0, 255)


@dataclasses.dataclass(frozen=True)
class Feed:
    """What the user wants the inputs to hold; by default values by their types."""

    range: tuple[float, float] | None = None
    """Lowest and highest value of uniform noise."""
    file: Path | None = None
    """Arrays as numpy writes them."""

    @classmethod
    def of(cls, text: str) -> Feed:
        """The feed of a cell of the column `inputs`: `LOW:HIGH`, a path, or nothing.

        Raises:
            HarnessError: it is a range, but not one of numbers from low to high.
        """
        if not text:
            return cls()
        if text.endswith(FILE_ENDINGS):
            return cls(file=Path(text))
        match = re.fullmatch(rf"({_NUMBER}):({_NUMBER})", text, re.IGNORECASE)
        low, high = (float(match[1]), float(match[2])) if match else (math.nan, math.nan)
        if not low < high < math.inf or low == -math.inf:
            raise HarnessError(f"{text!r} is not a range of numbers; write LOW:HIGH, as in 0:255")
        return cls(range=(low, high))

    def __str__(self) -> str:
        if self.range:
            return ":".join(f"{end:g}" for end in self.range)
        return "" if self.file is None else str(self.file)

    def described(self) -> str:
        """What the inputs hold, as the end of a sentence."""
        if self.range:
            return f"uniform noise from {self.range[0]:g} to {self.range[1]:g}"
        return f"the values of {self.file}" if self.file else "standard normal noise"


def seeded_values(session: Session, seed: int, feed: Feed) -> dict[str, npt.NDArray[Any]]:
    """The values of every input of a session, in the inputs' order; the same seed gives the same.

    Raises:
        ArtifactError: what the user wants them to hold does not fit them.
    """
    generator = np.random.default_rng(seed)
    given = _arrays(feed.file, session.inputs) if feed.file else {}
    return {
        spec.name: _fitted(given[spec.name], spec, feed) if spec.name in given else _noise(spec, generator, feed)
        for spec in session.inputs
    }


def _noise(spec: TensorSpec, generator: np.random.Generator, feed: Feed) -> npt.NDArray[Any]:
    shape, dtype = spec.fixed_shape, np.dtype(spec.dtype)
    if dtype.kind == "b":
        return np.ones(shape, dtype)
    if feed.range:
        return _uniform(spec, generator, feed.range)
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


def _uniform(spec: TensorSpec, generator: np.random.Generator, limits: tuple[float, float]) -> npt.NDArray[Any]:
    shape, dtype = spec.fixed_shape, np.dtype(spec.dtype)
    low, high = limits
    if dtype.kind == "f":
        return np.asarray(generator.uniform(low, high, shape), dtype)
    first, last, holds = math.ceil(low), math.floor(high), np.iinfo(dtype)
    if first > last or first < holds.min or last > holds.max:
        raise ArtifactError(
            f"--input-range {Feed(limits)}: input {spec.name!r} is {spec.dtype}, which holds whole numbers from "
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


def _fitted(array: npt.NDArray[Any], spec: TensorSpec, feed: Feed) -> npt.NDArray[Any]:
    """The array as the input takes it: a lone image as each of the batch, several as a batch, repeated or cut."""
    shape, dtype = spec.fixed_shape, np.dtype(spec.dtype)
    if array.shape == shape[1:] and shape:
        array = array[np.newaxis]
    if array.ndim == len(shape) and array.ndim and array.shape[1:] == shape[1:] and len(array):
        array = array[np.arange(shape[0]) % len(array)]
    if array.shape != shape or not np.can_cast(array.dtype, dtype, "same_kind"):
        raise ArtifactError(
            f"--input {feed.file}: input {spec.name!r} takes {spec.dtype} {list(shape)}, not {array.dtype} "
            f"{list(array.shape)}. Give an array of that shape and type, or fix free dimensions with --shape."
        )
    return array.astype(dtype)
