"""Data sets in shards: Parquet files of the Hub, tar archives of WebDataset."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from harness.datasets import parquet, webdataset
from harness.datasets.shards import PARQUET, TAR, missing_shards, one_split, shards_in
from harness.datasets.stored import StoredImages

_HUB_FOLDER = "data"
"""Where a data set of the Hub keeps its shards."""
_MEMBERS_THAT_DECIDE = 64


def shards_of_folder(folder: Path) -> list[Path]:
    """The shards that a folder, or the folder `data` in it, consists of; empty if it is no such folder."""
    try:
        return _shards_in(folder) or _shards_in(folder / _HUB_FOLDER)
    except OSError:
        # Whoever lists the images reports why the folder cannot be read.
        return []


def _shards_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    tars = shards_in(folder, TAR)
    found = shards_in(folder, PARQUET) or (tars if tars and _is_webdataset(tars[0]) else [])
    if any(child.is_dir() for child in folder.iterdir() if found and not child.name.startswith(".")):
        return []
    return found


def open_shards(shards: Sequence[Path], place: Path, order: str) -> StoredImages:
    """The images of the shards, which must be of one split.

    Args:
        shards: the files.
        place: what the user gave, for messages and the name.
        order: how classes known by name are numbered (`classes.classes_of`).

    Raises:
        AccuracyError: they are of several splits, damaged, or without labels.
    """
    chosen = one_split(shards, place)
    if chosen[0].suffix == PARQUET:
        return parquet.open_shards(chosen, place, order)
    members = [(shard, webdataset.shard_members(shard)) for shard in chosen]
    return webdataset.open_shards(members, place, order, missing_shards(chosen))


def _is_webdataset(path: Path) -> bool:
    """Whether the first members of an archive include a label; a damaged archive has none."""
    try:
        with tarfile.open(path, "r:") as archive:
            return webdataset.has_labels(list(islice(archive, _MEMBERS_THAT_DECIDE)))
    except (tarfile.TarError, EOFError, OSError):
        return False
