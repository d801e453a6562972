"""Resized images kept between evaluations: `--cache-images DIR`.

One folder per set of images, and in it one folder per resize rule, and per version of the libraries that decode and
resize, with two memory-mapped arrays: the crops, and for each crop the digest of its source file and a checksum of the
crop. A crop counts only if the file still has that
digest, so the cache saves decoding and resizing but not reading, and a changed image is never mistaken for the old
one. It must also match its checksum, so that a crop damaged by a copy, a disk or a power loss does not count either.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundation.replacing import replacing
from foundation.units import BYTES_PER_MIB
from harness.errors import AccuracyError
from harness.files.locking import KernelLock
from harness.files.storage import explained
from zoo.preprocessing import Resampling, libraries_of_crop, libraries_text

_LOCK_NAME = ".lock"
_CROPS_NAME = "crops.npy"
_DIGESTS_NAME = "sources.npy"
_DIGEST_BYTES = 16
_CHECKSUM_BYTES = 4
_FOLDER_CHARACTERS = 16


class ImageCache:
    """The crops of one set of images; used by one process at a time."""

    def __init__(self, directory: Path, images_digest: str, count: int, encoded: bool) -> None:
        """Opens the cache, creating it if it does not exist.

        Args:
            directory: folder of the caches of all sets.
            images_digest: digest of the set.
            count: number of images in the set.
            encoded: whether its images are files to decode.

        Raises:
            AccuracyError: another process uses it.
            StorageError: the folder cannot be used.
        """
        self._folder = directory / images_digest[:_FOLDER_CHARACTERS]
        self._count = count
        self._encoded = encoded
        self._kept: dict[Resampling, _Crops] = {}
        self._guard = threading.Lock()
        with explained(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                self._lock = KernelLock(self._folder / _LOCK_NAME)
            except BlockingIOError as error:
                raise AccuracyError(
                    f"--cache-images: another process uses {self._folder}; wait for it, or give another folder"
                ) from error

    def find(self, resampling: Resampling, index: int, digest: str) -> NDArray[Any] | None:
        """Returns the crop of an image whose file has this digest, or None.

        Raises:
            AccuracyError: the arrays are damaged.
        """
        crops = self._crops(resampling, None)
        return None if crops is None else crops.find(index, bytes.fromhex(digest))

    def keep(self, resampling: Resampling, index: int, digest: str, crop: NDArray[Any]) -> None:
        """Stores the crop of an image.

        Raises:
            AccuracyError: there is no room for the crops of all images, or the arrays are damaged.
        """
        crops = self._crops(resampling, crop)
        assert crops is not None
        crops.keep(index, bytes.fromhex(digest), crop)

    def close(self) -> None:
        """Releases the folder for other processes; what was kept is in the files."""
        self._kept.clear()
        self._lock.release()

    def _crops(self, resampling: Resampling, example: NDArray[Any] | None) -> _Crops | None:
        """Returns the arrays of a rule; if there are none yet, creates them like the example, or returns None."""
        with self._guard:
            if resampling not in self._kept:
                folder = self._folder / _name_of(resampling, self._encoded)
                if not (folder / _DIGESTS_NAME).is_file():
                    if example is None:
                        return None
                    _make(folder, self._count, example)
                self._kept[resampling] = _Crops(folder, self._count)
            return self._kept[resampling]


class _Crops:
    """The two arrays of one rule."""

    def __init__(self, folder: Path, count: int) -> None:
        try:
            self._crops, self._digests = (
                np.load(folder / name, mmap_mode="r+", allow_pickle=False) for name in (_CROPS_NAME, _DIGESTS_NAME)
            )
            if len(self._crops) != count or self._digests.shape != (count, _DIGEST_BYTES + _CHECKSUM_BYTES):
                raise ValueError("wrong numbers of images or bytes")
        except (OSError, ValueError, EOFError) as error:
            raise AccuracyError(f"--cache-images: {folder} is damaged ({error}); remove it") from error

    def find(self, index: int, digest: bytes) -> NDArray[Any] | None:
        crop: NDArray[Any] = self._crops[index]
        return crop if self._digests[index].tobytes() == _source(digest, crop) else None

    def keep(self, index: int, digest: bytes, crop: NDArray[Any]) -> None:
        # A process that is killed in between leaves no digest, so a half-written crop never counts.
        self._digests[index] = 0
        self._crops[index] = crop
        self._digests[index] = np.frombuffer(_source(digest, crop), np.uint8)


def _source(digest: bytes, crop: NDArray[Any]) -> bytes:
    """Returns what is stored beside a crop."""
    return digest[:_DIGEST_BYTES] + zlib.crc32(np.ascontiguousarray(crop).data).to_bytes(_CHECKSUM_BYTES, "little")


def _name_of(resampling: Resampling, encoded: bool) -> str:
    """Returns a folder name that identifies the rule and the versions of the libraries that decode and resize."""
    text = f"{resampling!r} {libraries_text(libraries_of_crop(resampling, encoded))}"
    return f"{resampling.rule}-{resampling.crop_px}-{hashlib.sha256(text.encode()).hexdigest()[:_FOLDER_CHARACTERS]}"


def _make(folder: Path, count: int, example: NDArray[Any]) -> None:
    """Creates the two arrays, empty, the digests last: without them the crops do not count."""
    needed = count * example.nbytes
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise AccuracyError(
                f"--cache-images: {folder} needs {needed / BYTES_PER_MIB:,.1f} MiB for {count:,} images, and "
                f"{free / BYTES_PER_MIB:,.1f} MiB are free; give another folder, or omit the option"
            )
        shape = (count, *example.shape)
        crops = np.lib.format.open_memmap(folder / _CROPS_NAME, "w+", example.dtype, shape)
        crops.flush()
        if hasattr(os, "posix_fallocate"):
            # Allocated now, so that the kernel kills no process for a page that a full disk has no room for.
            with (folder / _CROPS_NAME).open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, crops.offset + needed)
        with replacing(folder / _DIGESTS_NAME) as temporary, temporary.open("wb") as file:
            np.save(file, np.zeros((count, _DIGEST_BYTES + _CHECKSUM_BYTES), np.uint8), allow_pickle=False)
