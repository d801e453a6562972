"""Tiny ImageNet's validation set as published: `val/images/val_0.JPEG`, and `val/val_annotations.txt`."""

from __future__ import annotations

from pathlib import Path

from harness.datasets import imagenet
from harness.datasets.classes import NAME
from harness.datasets.folder import open_folder
from harness.datasets.ground_truth import read_ground_truth
from harness.datasets.layout import name_of
from harness.datasets.stored import StoredImages, label
from harness.errors import AccuracyError

SPLIT = "val"
"""The folder of the validation set; the labels of the test set are not public."""

_LABELS = "val_annotations.txt"
_IMAGES = "images"


def is_whole(folder: Path) -> bool:
    """Whether a folder holds the data set with its splits."""
    return is_validation(folder / SPLIT)


def is_validation(folder: Path) -> bool:
    """Whether a folder holds the validation set; a folder that may not be read does not."""
    try:
        return (folder / _LABELS).is_file() and (folder / _IMAGES).is_dir()
    except OSError:
        return False


def open_validation(folder: Path, order: str) -> StoredImages:
    """The images and labels of the validation set.

    Its wnids are ImageNet's, so that networks of 1,000 classes and of its own are evaluated; if some are not, they are
    classes of their own.

    Raises:
        AccuracyError: images or labels are missing, or cannot be read.
    """
    store = open_folder(folder / _IMAGES)
    if not store.names:
        raise AccuracyError(f"{folder / _IMAGES} holds no images; unpack the archive again")
    if not order and not _is_imagenets(folder / _LABELS):
        order = NAME
    truth = read_ground_truth(folder / _LABELS, order)
    name = truth.classes.set_name or name_of(folder)
    return label(name, truth.classes, store, truth.of(store.names, folder / _IMAGES))


def _is_imagenets(labels: Path) -> bool:
    words = (line.split() for line in labels.read_text(encoding="utf-8", errors="replace").splitlines())
    return all(line[1] in imagenet.index_of_wnid() for line in words if len(line) > 1)
