"""Finds the files that are images to calibrate and recalibrate on.

The data sets of `harness.datasets` have their own rule: the command line must be importable without this package.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})
"""In lower case. They only tell images from other files; decoding determines the format."""


def is_image(name: str) -> bool:
    """Whether a file counts as an image, by its suffix; hidden files do not."""
    path = PurePosixPath(name)
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def images_below(folder: Path) -> tuple[Path, ...]:
    """The images of a folder and its subfolders, sorted."""
    return tuple(sorted(path for path in folder.rglob("*") if is_image(path.name)))
