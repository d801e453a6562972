"""Which files are images to calibrate and recalibrate on.

The data sets of `harness.accuracy` have their own rule: the command line is imported where this package is not.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})
"""In lower case. They only tell images from other files: what an image is, decoding finds out."""


def is_image(name: str) -> bool:
    """Whether a file is taken for an image, by its suffix; hidden files are not."""
    path = PurePosixPath(name)
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def images_below(folder: Path) -> tuple[Path, ...]:
    """The images of a folder and its subfolders, sorted."""
    return tuple(sorted(path for path in folder.rglob("*") if is_image(path.name)))
