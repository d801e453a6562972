"""What the measurement of accuracy knows about a data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from foundation.shard import Shard


@dataclasses.dataclass(frozen=True)
class LabelledImage:
    """One image of a data set."""

    name: str
    """Unique in its set: the file's name, or its path in the set if two files have the same name."""
    label: int
    """The class's index, from 0."""


@dataclasses.dataclass(frozen=True)
class Whole:
    """The set of images that a shard is of."""

    shard: Shard
    digest: str
    """Its `ImageSet.digest`."""
    count: int
    """Number of its images."""
    positions: tuple[int, ...]
    """Index in the whole set of each image of the shard."""


class ImageSet(Protocol):
    """Labelled images that can be read in any order, by many threads and processes at once.

    It can be pickled, so that a child process reads what its parent opened: pass it once, not with every image, since
    CIFAR-10 carries its pixels.
    """

    @property
    def name(self) -> str:
        """`ImageNet`, `CIFAR-10`, or the name of the user's folder."""

    @property
    def classes(self) -> int:
        """Number of classes of the labels, whether or not each has an image."""

    @property
    def class_indices(self) -> Sequence[int]:
        """Indices of the classes in the whole set, ascending; a subset of its images has the same."""

    @property
    def open_ended(self) -> bool:
        """Whether labels are plain indices, so that a network may have more classes than `classes`."""

    @property
    def told(self) -> str:
        """How the classes are numbered, for the log; empty if their data set numbers them."""

    @property
    def caution(self) -> str:
        """What a reader of the accuracy should know about the labels; empty if nothing."""

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of the number of classes and of every image's name and label; not of its content."""

    @property
    def whole(self) -> Whole | None:
        """The set that these images are a shard of; None if they are no shard."""

    @property
    def items(self) -> Sequence[LabelledImage]:
        """The images, in the order of their names."""

    @property
    def encoded(self) -> bool:
        """Whether the images are files to decode, rather than pixels."""

    @property
    def sizes_bytes(self) -> Sequence[int]:
        """Stored size of each image, in the order of `items`: an ETA needs to know what remains to be read."""

    def read(self, index: int) -> bytes | NDArray[np.uint8]:
        """The image `items[index]`: an encoded file, or pixels (H, W, 3) in RGB where the data set stores pixels.

        Raises:
            AccuracyError: the image can no longer be read.
        """

    def location(self, index: int) -> str:
        """Where the image `items[index]` is stored, for messages: a path, or an archive and its member."""
