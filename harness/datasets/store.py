"""Stores of images: a folder, a tar archive, or pixels in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""In lower case. They only distinguish images from other files; decoding decides what is an image."""


class Store(Protocol):
    """Images by their position."""

    @property
    def names(self) -> Sequence[str]:
        """Paths in the store with forward slashes: `image`, or `class/image`."""

    @property
    def encoded(self) -> bool:
        """Whether the images are files to decode, rather than pixels."""

    @property
    def sizes_bytes(self) -> Sequence[int]:
        """Size of each image in the store."""

    def read(self, position: int) -> bytes | NDArray[np.uint8]:
        """The encoded file, or pixels (H, W, 3) in RGB.

        Raises:
            AccuracyError: the image can no longer be read.
        """

    def location(self, position: int) -> str:
        """Where the image is, for messages."""


class FileStore(Store, Protocol):
    """A store of image files, flat or in class folders."""

    @property
    def folders(self) -> Sequence[str]:
        """The class folders, including those without images; empty if the images are flat."""


def is_image(name: str) -> bool:
    """Whether a file counts as an image, by its suffix; hidden files do not."""
    path = PurePosixPath(name)
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
