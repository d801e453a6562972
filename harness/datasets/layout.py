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
    """Labels images by class folder: ImageNet's 1,000 classes if folders are named by wnid, otherwise the user's.

    The user's classes are numbered by the sorted names of their folders, as in torchvision's ImageFolder.

    Args:
        store: images in class folders.
        place: what the store was opened from, for messages and the name.

    Raises:
        AccuracyError: a wnid is not one of the 1,000, there are other folders beside wnids, or an image of ImageNet
            occurs twice.
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
            f"{place} has folders that are not among ImageNet's 1,000 classes: {few(unknown)}; remove them. Folders "
            "named like n01440764 are read as ImageNet's: for your own classes, use other names"
        )


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
