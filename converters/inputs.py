"""What a graph is fed with: to take the ranges of int8 from it, and to compare two graphs on it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray

from converters.calibration import Calibration
from converters.errors import VerificationError
from converters.images import dead_leaves
from converters.verify import Agreement, as_rows, fed_outputs, measure, noise_images, padded
from foundation.digests import file_sha256
from zoo.card import Preprocessing
from zoo.own_preprocessing import is_assumed
from zoo.preprocessing import Normalisation, described, pipeline

Feed = Mapping[str, NDArray[Any]]
"""The values of every input of a graph in one inference, by name."""

ASSUMED = (
    "int8 ranges are those of images prepared as assumed ({steps}): state how the network is fed (--preprocessing)"
)
DRAWN = (
    "int8 ranges come from {drawn}, not from what the network will see: latency is that of any calibration, accuracy "
    "is not; give values that its inputs take (--input FILE)"
)


@dataclasses.dataclass(frozen=True)
class InputValues:
    """Values of every input of a graph that takes no images, for several inferences."""

    path: Path
    """An `.npz` file with an array (inferences, *shape) for each input, in the inputs' order."""
    names: tuple[str, ...]
    """Names of the inputs."""
    described: str
    """What they are, as the end of a sentence."""
    drawn: bool
    """Whether they were drawn at random rather than given."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by input."""
        with np.load(self.path) as loaded:
            return dict(zip(self.names, loaded.values(), strict=True))

    def facts(self) -> dict[str, Any]:
        """Kind, count and digest, as recorded in provenance and contained in keys."""
        count = min(map(len, self.arrays().values()))
        return {"kind": "values", "count": count, "names": list(self.names), "sha256": file_sha256(self.path)}


@dataclasses.dataclass(frozen=True)
class FeedSet:
    """Some inferences that two graphs are compared on."""

    name: str
    """As in a verification: `probe`, `noise`, `natural`, `calibration`, `values` or `given`."""
    feeds: Sequence[Feed]
    count: int
    """Number of images in them, without those that fill up the last batch."""


def rows_of(sets: Sequence[FeedSet], path: Path, batch: int) -> list[NDArray[np.float32]]:
    """What a graph yields on each set, all in one session of ONNX Runtime on the CPU.

    Args:
        sets: what the graph is fed with.
        path: the ONNX file.
        batch: number of images per inference.

    Returns:
        For each set a row for each image, or for each inference if the output has none for each image.
    """
    outputs = iter(fed_outputs(path, (feed for one in sets for feed in one.feeds)))
    return [as_rows(list(itertools.islice(outputs, len(one.feeds))), batch)[: one.count] for one in sets]


def expected_rows_of(sets: Sequence[FeedSet], path: Path, batch: int) -> list[NDArray[np.float32]]:
    """The rows of a graph that others are compared with; see `rows_of`.

    Raises:
        VerificationError: they are not finite.
    """
    found = rows_of(sets, path, batch)
    for one, rows in zip(sets, found, strict=True):
        if not np.isfinite(rows).all():
            raise VerificationError(
                f"the fp32 network itself yields NaN or infinity on the inputs {one.name!r}; give values that it takes "
                "(--input-range, --input), or say how images are prepared for it (--preprocessing)"
            )
    return found


def agreements_of(
    sets: Sequence[FeedSet], expected: Sequence[NDArray[np.float32]], actual: Sequence[NDArray[np.float32]]
) -> list[Agreement]:
    """How the rows of two graphs agree on each set.

    Raises:
        VerificationError: see `measure`.
    """
    return [measure(one.name, *rows) for one, *rows in zip(sets, expected, actual, strict=True)]


class GraphInputs(Protocol):
    """How the inputs of a graph are filled."""

    def calibration(self) -> Iterator[Feed]:
        """The inferences that ranges are taken from, each made when its turn comes."""

    def compared(self, natural_images: int, most: int) -> list[FeedSet]:
        """What two graphs are compared on.

        Args:
            natural_images: number of generated images.
            most: largest number of images that were calibrated on.
        """

    def warnings(self) -> list[str]:
        """What a reader should know about the ranges that come from it."""


@dataclasses.dataclass(frozen=True)
class ImageInputs:
    """A graph with one input of square colour images."""

    name: str
    """Name of the input."""
    batch: int
    resolution: int
    """Height and width, in pixels."""
    channels_last: bool
    source: str
    """Source of the model."""
    preprocessing: Preprocessing
    images: Calibration
    """What is calibrated on."""

    @classmethod
    def of(
        cls, model: onnx.ModelProto, provenance: Mapping[str, Any], preprocessing: Preprocessing, images: Calibration
    ) -> ImageInputs:
        """The input of a graph, whose provenance has its batch and resolution."""
        image = model.graph.input[0]
        shape = [size.dim_value for size in image.type.tensor_type.shape.dim]
        return cls(
            image.name,
            provenance["batch"],
            provenance["resolution"],
            shape[1] != 3 and shape[3] == 3,
            provenance["release"]["source"],
            preprocessing,
            images,
        )

    def calibration(self) -> Iterator[Feed]:
        """See `GraphInputs`. The last batch repeats its images to fill up.

        Raises:
            ConversionError, PreprocessingError, MissingPackageError: see `Calibration.inputs`.
        """
        for batch in _batched(self.images.inputs(self.resolution, self.preprocessing), self.batch):
            yield self._feed(batch)

    def compared(self, natural_images: int, most: int) -> list[FeedSet]:
        """See `GraphInputs`: noise, generated images, and given ones that were calibrated on."""
        noise, noisy = noise_images(self.source, self.resolution, self.preprocessing)
        natural = Normalisation.of(self.preprocessing).unit_range(dead_leaves(self.resolution, natural_images))
        found = [self._set(noise, noisy), self._set("natural", natural)]
        if self.images.files:
            spread = self.images.spread(max(natural_images, most))
            images = np.stack(list(spread.inputs(self.resolution, self.preprocessing)))
            found.append(self._set("calibration", images))
        return found

    def given(self, images: NDArray[np.float32]) -> FeedSet:
        """Images (N, 3, R, R) that are prepared already."""
        return self._set("given", images)

    def warnings(self) -> list[str]:
        """See `GraphInputs`."""
        texts = [self.images.warning] if self.images.warning else []
        if is_assumed(self.preprocessing):
            steps = described(pipeline(self.preprocessing, self.preprocessing.crop_px))
            texts.append(ASSUMED.format(steps=steps))
        return texts

    def _set(self, name: str, images: NDArray[np.float32]) -> FeedSet:
        fed = padded(images, self.batch).reshape(-1, self.batch, *images.shape[1:])
        return FeedSet(name, [self._feed(batch) for batch in fed], len(images))

    def _feed(self, batch: NDArray[np.float32]) -> Feed:
        """Images (batch, 3, R, R) in the input's order of dimensions."""
        return {self.name: np.ascontiguousarray(batch.transpose(0, 2, 3, 1)) if self.channels_last else batch}


@dataclasses.dataclass(frozen=True)
class ValueInputs:
    """A graph whose inputs are no square colour images, filled with given or drawn values."""

    values: InputValues
    batch: int

    def calibration(self) -> Iterator[Feed]:
        """See `GraphInputs`."""
        arrays = self.values.arrays()
        for index in range(min(map(len, arrays.values()))):
            # An element of a row of numbers is no array, which ONNX Runtime wants.
            yield {name: np.asarray(array[index]) for name, array in arrays.items()}

    def compared(self, natural_images: int, most: int) -> list[FeedSet]:
        """See `GraphInputs`: the values themselves."""
        feeds = list(self.calibration())[: max(natural_images, most)]
        return [FeedSet("values", feeds, len(feeds) * self.batch)]

    def warnings(self) -> list[str]:
        """See `GraphInputs`."""
        return [DRAWN.format(drawn=self.values.described)] if self.values.drawn else []


def _batched(images: Iterable[NDArray[np.float32]], batch: int) -> Iterator[NDArray[np.float32]]:
    """Images (3, R, R) in whole batches; the last batch repeats its images to fill up."""
    collected: list[NDArray[np.float32]] = []
    for image in images:
        collected.append(image)
        if len(collected) == batch:
            yield np.stack(collected)
            collected = []
    if collected:
        yield np.resize(np.stack(collected), (batch, *collected[0].shape))
