"""The test set of CIFAR-10, from its published archives or what they unpack to.

Layout: https://www.cs.toronto.edu/~kriz/cifar.html. Binary version: `test_batch.bin`, 10,000 records of a label and
3,072 bytes. Python version: `test_batch`, a pickle (see `cifar_pickle`). In both an image is 1,024 red, then green,
then blue values, row by row.
"""

from __future__ import annotations

import dataclasses
import tarfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from foundation.wording import cause
from harness.datasets.cifar_pickle import read_batch
from harness.datasets.classes import counted_classes
from harness.datasets.stored import StoredImages, label
from harness.errors import AccuracyError

NAME = "CIFAR-10"
CLASSES = 10

_TEST_IMAGES = 10_000
_SIDE_PX = 32
_IMAGE_BYTES = 3 * _SIDE_PX * _SIDE_PX
_RECORD_BYTES = 1 + _IMAGE_BYTES

_Parsed = tuple[NDArray[np.uint8], Sequence[int]]
_DAMAGE = (tarfile.TarError, EOFError, zlib.error)


@dataclasses.dataclass(frozen=True, eq=False)
class PixelStore:
    """Images in memory."""

    place: str
    pixels: NDArray[np.uint8]
    """(images, height, width, 3), RGB."""

    @property
    def names(self) -> list[str]:
        """Names of the images, equal for both versions, one of which has no names."""
        return [f"test_batch_{position:05d}" for position in range(len(self.pixels))]

    @property
    def encoded(self) -> bool:
        """Never: these are pixels."""
        return False

    @property
    def sizes_bytes(self) -> list[int]:
        """Size of the pixels of each image."""
        return [_IMAGE_BYTES] * len(self.pixels)

    def read(self, position: int) -> NDArray[np.uint8]:
        """The pixels (height, width, 3) of one image."""
        pixels: NDArray[np.uint8] = self.pixels[position]
        return pixels

    def location(self, position: int) -> str:
        """The file, and the image's number in it from 0."""
        return f"{self.place}: image {position}"


def _parse_binary(data: bytes) -> _Parsed:
    if len(data) % _RECORD_BYTES:
        raise ValueError(f"{len(data):,} bytes are not a whole number of records of {_RECORD_BYTES:,}")
    records = np.frombuffer(data, np.uint8).reshape(-1, _RECORD_BYTES)
    return records[:, 1:], [int(label) for label in records[:, 0]]


_PARSERS: Mapping[str, Callable[[bytes], _Parsed]] = {"test_batch.bin": _parse_binary, "test_batch": read_batch}

_PUBLISHED = {"batches.meta", "batches.meta.txt", "readme.html", *_PARSERS} | {
    f"data_batch_{number}{suffix}" for number in range(1, 6) for suffix in ("", ".bin")
}


def is_folder(folder: Path) -> bool:
    """Whether a folder holds the test set; a folder that may not be read does not."""
    try:
        return any((folder / name).is_file() for name in _PARSERS)
    except OSError:
        return False


def is_archive(path: Path) -> bool:
    """Whether a file is a tar, compressed or not, whose first file is one of the published archives'."""
    try:
        with tarfile.open(path, "r:*") as archive:
            first = next((member for member in archive if member.isfile()), None)
    except (*_DAMAGE, OSError):
        return False
    return first is not None and PurePosixPath(first.name).name in _PUBLISHED


def open_folder(folder: Path) -> StoredImages:
    """The test set in an unpacked archive.

    Raises:
        AccuracyError: the file cannot be read or is damaged.
    """
    path = next(folder / name for name in _PARSERS if (folder / name).is_file())
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AccuracyError(f"{path} cannot be read ({cause(error)}); make it readable") from error
    return _test_set(str(path), path.name, data)


def open_archive(path: Path) -> StoredImages:
    """The test set in an archive, which is read once.

    Raises:
        AccuracyError: the archive is damaged or has no test set.
    """
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                file = archive.extractfile(member) if name in _PARSERS and member.isfile() else None
                if file is not None:
                    return _test_set(f"{path}: {member.name}", name, file.read())
    except (*_DAMAGE, OSError) as error:
        raise AccuracyError(f"{path} is damaged ({error}); fetch it again from its publisher") from error
    raise AccuracyError(f"{path} holds no {' or '.join(_PARSERS)}; fetch it again from its publisher")


def _test_set(place: str, name: str, data: bytes) -> StoredImages:
    try:
        rows, labels = _PARSERS[name](data)
        if rows.shape != (_TEST_IMAGES, _IMAGE_BYTES) or len(labels) != _TEST_IMAGES:
            raise ValueError(f"{len(rows):,} images with {len(labels):,} labels, but the test set has {_TEST_IMAGES:,}")
        if min(labels) < 0 or max(labels) >= CLASSES:
            raise ValueError(f"labels from {min(labels)} to {max(labels)}, but there are {CLASSES} classes")
    except ValueError as error:
        raise AccuracyError(
            f"{place} is not a test set of CIFAR-10 ({error}); fetch it again from its publisher"
        ) from error
    planes = rows.reshape(-1, 3, _SIDE_PX, _SIDE_PX)
    store = PixelStore(place, np.ascontiguousarray(planes.transpose(0, 2, 3, 1)))
    return label(NAME, counted_classes(CLASSES), store, labels)
