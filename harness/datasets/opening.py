"""Finds out which data set a path holds."""

from __future__ import annotations

import stat
from pathlib import Path

from foundation.shard import Shard
from foundation.wording import cause
from harness.datasets import cifar, parquet, sharded, tiny_imagenet, webdataset
from harness.datasets.folder import open_folder
from harness.datasets.ground_truth import FORMS, read_ground_truth
from harness.datasets.kinds import LONGEST_START, decompressor, other_kind, text_kind
from harness.datasets.layout import label_by_folder, name_of
from harness.datasets.protocol import ImageSet, LabelledImage
from harness.datasets.shards import shards_named
from harness.datasets.store import IMAGE_SUFFIXES, FileStore
from harness.datasets.stored import StoredImages, label
from harness.datasets.tar import members_of, open_tar
from harness.errors import AccuracyError
from harness.text.lists import few

_LAYOUTS = (
    "a folder of class folders, a folder of images with a file of labels, an uncompressed tar of either, shards of "
    "Parquet or WebDataset, or CIFAR-10 (its archive, or the folder in it)"
)


def open_images(
    path: Path,
    *,
    ground_truth: Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    class_order: str = "",
    shard: Shard | None = None,
) -> ImageSet:
    """Opens the labelled images at a path, in any of the layouts that docs/accuracy.md lists.

    Args:
        path: a folder of class folders, a folder of images, a tar of either, shards of Parquet or WebDataset (their
            folder, one of them, or `data/validation` for those of one split), or CIFAR-10 (folder or archive).
        ground_truth: file with the labels of images that are not in class folders.
        limit: size of a class-balanced subset; all images if there are fewer. The subset depends only on names, labels
            and `seed`, and contains every smaller one with the same seed.
        seed: seed of the subset.
        class_order: how the user's classes are numbered, one of `classes.ORDERS`; by their names if empty.
        shard: which share of these images; all of them if None.

    Raises:
        AccuracyError: the path holds no known data set, or a damaged one; the message says what to do.
    """
    _check_limit(limit)
    images = _every_image(path, ground_truth, class_order)
    images = images if limit is None else images.subset(limit, seed)
    return images if shard is None else images.part(shard)


def open_pixels(path: Path, *, ground_truth: Path | None = None, limit: int | None = None) -> ImageSet:
    """Opens images whose labels do not matter: a folder of images alone, or any labelled set.

    Args:
        path: see `open_images`.
        ground_truth: see `open_images`.
        limit: see `open_images`.

    Raises:
        AccuracyError: see `open_images`.
    """
    _check_limit(limit)
    store = open_folder(path) if ground_truth is None and _is_folder(path) and not cifar.is_folder(path) else None
    if store is None or not store.names or store.folders:
        return open_images(path, ground_truth=ground_truth, limit=limit)
    items = tuple(LabelledImage(name, 0) for name in store.names)
    images = StoredImages(name_of(path), 1, items, tuple(range(len(items))), store, (0,))
    return images if limit is None else images.subset(limit, 0)


def _every_image(path: Path, ground_truth: Path | None, class_order: str) -> StoredImages:
    if _is_missing(path) and (shards := shards_named(path)):
        _refuse_labels(path, ground_truth)
        return sharded.open_shards(shards, path, class_order)
    return (_folder if _is_folder(path) else _file)(path, ground_truth, class_order)


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise AccuracyError(f"a limit of {limit} images leaves nothing to measure; give a number of at least 1")


def _is_missing(path: Path) -> bool:
    try:
        return not path.exists()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise AccuracyError(f"{path} does not exist; give {_LAYOUTS}") from error
    except OSError as error:
        raise AccuracyError(f"{path} cannot be read ({cause(error)}); make it readable") from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise AccuracyError(f"{path} is a pipe, a socket or a device, not a file; give {_LAYOUTS}")
    return stat.S_ISDIR(mode)


def _folder(path: Path, ground_truth: Path | None, order: str) -> StoredImages:
    if cifar.is_folder(path):
        _refuse_labels(path, ground_truth)
        return cifar.open_folder(path)
    if ground_truth is None and tiny_imagenet.is_validation(path):
        return tiny_imagenet.open_validation(path, order)
    if tiny_imagenet.is_whole(path):
        raise AccuracyError(f"{path} is Tiny ImageNet with all of its splits; give {path / tiny_imagenet.SPLIT}")
    if ground_truth is None and (shards := sharded.shards_of_folder(path)):
        return sharded.open_shards(shards, path, order)
    return _labelled(open_folder(path), path, ground_truth, order)


def _file(path: Path, ground_truth: Path | None, order: str) -> StoredImages:
    try:
        with path.open("rb") as file:
            start = file.read(LONGEST_START)
    except OSError as error:
        raise AccuracyError(f"{path} cannot be read ({cause(error)}); make it readable") from error
    if cifar.is_archive(path):
        _refuse_labels(path, ground_truth)
        return cifar.open_archive(path)
    if program := decompressor(start):
        raise AccuracyError(
            f"{path} is compressed and not a complete archive of CIFAR-10: its images cannot be read in place; unpack "
            f"it ({program}) and give the result, or fetch it again"
        )
    if start.startswith(parquet.MAGIC):
        _refuse_labels(path, ground_truth)
        return parquet.open_shards([path], path, order)
    if told := other_kind(start) or text_kind(start):
        raise AccuracyError(f"{path} is {told}")
    members = members_of(path)
    if ground_truth is None and webdataset.has_labels(members):
        return webdataset.open_shards([(path, members)], path, order)
    return _labelled(open_tar(path, members), path, ground_truth, order)


def _labelled(store: FileStore, path: Path, ground_truth: Path | None, order: str) -> StoredImages:
    """Labels image files by class folder, or from the file of labels."""
    if not store.names:
        raise AccuracyError(_no_images(path))
    in_folders = [name for name in store.names if "/" in name]
    if 0 < len(in_folders) < len(store.names):
        flat = next(name for name in store.names if "/" not in name)
        raise AccuracyError(
            f"{path} has images both in class folders ({in_folders[0]}) and beside them ({flat}); keep one of the two"
        )
    one_folder = len({name.rpartition("/")[0] for name in in_folders}) == 1
    if in_folders and not (one_folder and ground_truth is not None):
        _refuse_labels(path, ground_truth)
        return label_by_folder(store, path, order)
    if ground_truth is None:
        beside = f", or add {webdataset.LABEL_NAME} beside each image" if path.is_file() else ""
        raise AccuracyError(
            f"{path} has images and no class folders: give their labels too (--ground-truth), as {FORMS}, or sort the "
            f"images into one folder per class{beside}"
        )
    truth = read_ground_truth(ground_truth, order)
    return label(truth.classes.set_name or name_of(path), truth.classes, store, truth.of(store.names, path))


def _refuse_labels(path: Path, ground_truth: Path | None) -> None:
    if ground_truth is not None:
        raise AccuracyError(f"{path} already contains its labels; omit {ground_truth}")


def _no_images(path: Path) -> str:
    """Returns the message for a path without images, which is most often the parent of the right one."""
    inside = [] if path.is_file() else [child for child in path.iterdir() if _is_candidate(child)]
    if inside:
        return f"{path} holds no images itself; give what is in it: {few(map(str, inside))}"
    return f"{path} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))}); give {_LAYOUTS}"


def _is_candidate(path: Path) -> bool:
    return ".tar" in path.suffixes or (path.is_dir() and cifar.is_folder(path))
