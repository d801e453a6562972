"""Finds out what a path holds."""

from __future__ import annotations

from pathlib import Path

from harness.accuracy.datasets.protocol import ImageSet


def open_images(path: Path, *, ground_truth: Path | None = None, limit: int | None = None, seed: int = 0) -> ImageSet:
    """The labelled images at a path, whatever their layout; docs/accuracy.md has the list.

    Args:
        path: a folder of class folders, a folder of images, a tar of either, or CIFAR-10 (folder or archive).
        ground_truth: the labels of images that do not lie in class folders.
        limit: take a subset of so many images, as even over the classes as can be; all where there are fewer. The
            subset depends on names, labels and `seed` alone, and contains every smaller one of the same seed.
        seed: of the subset.

    Raises:
        AccuracyError: it is no data set that is known, or a damaged one; the message says what to do.
    """
    raise NotImplementedError
