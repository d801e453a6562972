"""Labels from class folders."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from harness.datasets import imagenet
from harness.datasets.classes import classes_of
from harness.datasets.store import FileStore
from harness.datasets.stored import StoredImages, label
from harness.errors import AccuracyError
from harness.text.lists import encodable, few

_ONE_FOLDER = (
    "{place} has one folder of images ({folder}), so that all are of class 0: give the folder that holds all class "
    "folders, or the labels (--ground-truth); --class-order index takes the folder's name for the class's index"
)


def label_by_folder(store: FileStore, place: Path, order: str) -> StoredImages:
    """Labels images by class folder: ImageNet's 1,000 classes if folders are named by wnid, otherwise the user's.

    Args:
        store: images in class folders.
        place: what the store was opened from, for messages and the name.
        order: how the user's classes are numbered (`classes.classes_of`).

    Raises:
        AccuracyError: the folders are not classes (`classes.classes_of`), or an image of ImageNet occurs twice.
    """
    classes = classes_of(store.folders, place, order)
    if len(store.folders) == 1 and not classes.set_name and not order:
        classes = dataclasses.replace(classes, caution=_ONE_FOLDER.format(place=place, folder=store.folders[0]))
    if classes.set_name:
        _check_once(store.names, place)
    labels = [classes.index_of[PurePosixPath(name).parent.name] for name in store.names]
    return label(classes.set_name or name_of(place), classes, store, labels)


def name_of(place: Path) -> str:
    """The name of the user's data set: that of its folder or file."""
    resolved = place.resolve()
    return encodable(resolved.stem if resolved.is_file() else resolved.name)


def _check_once(names: Sequence[str], place: Path) -> None:
    """Refuses an image in two class folders, which has two labels: the validation set's names are unique."""
    counts = Counter(PurePosixPath(name).name for name in names)
    twice = [
        name for name, count in counts.items() if count > 1 and imagenet.is_validation_name(PurePosixPath(name).stem)
    ]
    if twice:
        raise AccuracyError(
            f"{place} has images in two class folders: {few(twice)}; the sorting into folders went wrong, repeat it "
            "from the original archive"
        )
