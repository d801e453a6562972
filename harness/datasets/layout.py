"""Labels from class folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from harness.datasets import imagenet
from harness.datasets.store import FileStore
from harness.datasets.stored import StoredImages, label
from harness.errors import AccuracyError
from harness.text.lists import encodable, few


def label_by_folder(store: FileStore, place: Path) -> StoredImages:
    """The images of class folders: ImageNet's 1,000 classes where folders are named by wnid, otherwise one's own.

    One's own classes are numbered by the sorted names of their folders, as torchvision's ImageFolder does.

    Args:
        store: images in class folders.
        place: what the store was opened from, for messages and the name.

    Raises:
        AccuracyError: wnids that are none of the 1,000, other folders beside wnids, or one image of ImageNet twice.
    """
    classes = [PurePosixPath(name).parent.name for name in store.names]
    if any(imagenet.is_wnid(folder) for folder in store.folders):
        index_of = imagenet.index_of_wnid()
        _check_wnids(store.folders, place)
        _check_once(store.names, place)
        return label(imagenet.NAME, imagenet.CLASSES, store, [index_of[folder] for folder in classes])
    own = {folder: index for index, folder in enumerate(sorted(store.folders))}
    resolved = place.resolve()
    name = resolved.stem if resolved.is_file() else resolved.name
    return label(encodable(name), len(own), store, [own[folder] for folder in classes])


def _check_wnids(folders: Sequence[str], place: Path) -> None:
    unknown = [folder for folder in folders if folder not in imagenet.index_of_wnid()]
    if unknown:
        raise AccuracyError(
            f"{place} has folders that are none of ImageNet's 1,000 classes: {few(unknown)}; take them out. Folders "
            "named as n01440764 are read as ImageNet's: for classes of one's own, name none of them so"
        )


def _check_once(names: Sequence[str], place: Path) -> None:
    """The validation set's names are unique: one in two class folders has two labels."""
    counts = Counter(PurePosixPath(name).name for name in names)
    twice = [
        name for name, count in counts.items() if count > 1 and imagenet.is_validation_name(PurePosixPath(name).stem)
    ]
    if twice:
        raise AccuracyError(
            f"{place} has images in two class folders: {few(twice)}; the sorting into folders went wrong, repeat it "
            "from the original archive"
        )
