"""Tar archives of WebDataset: beside each image `key.jpg` its label `key.cls`, a number or a name as text."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from harness.datasets.classes import Classes, classes_of, indexed_classes
from harness.datasets.layout import name_of
from harness.datasets.numbered import is_number
from harness.datasets.store import is_image
from harness.datasets.stored import StoredImages, label
from harness.datasets.tar import TarStore, members_of
from harness.errors import AccuracyError
from harness.text.lists import few

_LABEL = "cls"
LABEL_NAME = f"key.{_LABEL}"
"""Name of the file of the label of an image `key.jpg`."""
_MOST_LABEL_BYTES = 1024


@dataclasses.dataclass(frozen=True)
class ShardStore:
    """The images of several archives, one after another."""

    stores: tuple[TarStore, ...]
    starts: tuple[int, ...]
    """Position of the first image of every archive."""
    names: tuple[str, ...]
    sizes_bytes: tuple[int, ...]

    @property
    def encoded(self) -> bool:
        """Always: these are files."""
        return True

    def read(self, position: int) -> bytes:
        """The member's bytes; see `TarStore.read`."""
        store, inner = self._found(position)
        return store.read(inner)

    def location(self, position: int) -> str:
        """The archive and the member."""
        store, inner = self._found(position)
        return store.location(inner)

    def _found(self, position: int) -> tuple[TarStore, int]:
        index = bisect.bisect_right(self.starts, position) - 1
        return self.stores[index], position - self.starts[index]


def has_labels(members: Sequence[tarfile.TarInfo]) -> bool:
    """Whether an archive has labels as WebDataset stores them."""
    return any(_parts(member)[1] == _LABEL for member in members)


def open_shards(
    shards: Sequence[tuple[Path, Sequence[tarfile.TarInfo]]], place: Path, order: str, caution: str = ""
) -> StoredImages:
    """The images and labels of the archives of one split.

    Args:
        shards: the archives and their members.
        place: what the user gave, for messages and the name.
        order: how classes known by name are numbered (`classes.classes_of`).
        caution: what a reader of the accuracy should know about the shards.

    Raises:
        AccuracyError: an image has no label, or several, or a label is not text.
    """
    opened = [_open_shard(path, members) for path, members in shards]
    stores = tuple(store for store, _ in opened)
    texts = [text for _, labels in opened for text in labels]
    if not texts:
        raise AccuracyError(f"{place} holds labels ({_LABEL}) and no images beside them; give complete shards")
    starts = tuple(itertools.accumulate((len(store.names) for store in stores), initial=0))[:-1]
    names = tuple(f"{store.path.stem}/{name}" for store in stores for name in store.names)
    sizes = tuple(size for store in stores for size in store.sizes_bytes)
    classes = _classes(texts, place, order)
    told = dataclasses.replace(classes, caution="; ".join(filter(None, (classes.caution, caution))))
    store = ShardStore(stores, starts, names, sizes)
    return label(classes.set_name or name_of(place), told, store, [_index(text, classes) for text in texts])


def shard_members(path: Path) -> Sequence[tarfile.TarInfo]:
    """The members of a shard, which must have labels.

    Raises:
        AccuracyError: it has none, or is damaged.
    """
    members = members_of(path)
    if not has_labels(members):
        raise AccuracyError(
            f"{path} is a tar archive without labels (key.{_LABEL} beside key.jpg); give one archive of class folders, "
            "or shards of WebDataset"
        )
    return members


def _open_shard(path: Path, members: Sequence[tarfile.TarInfo]) -> tuple[TarStore, list[str]]:
    """The images of an archive, and the text of each one's label."""
    regular = [member for member in members if member.isreg() and not member.issparse()]
    images = [member for member in regular if is_image(f"x.{_parts(member)[1]}")]
    keys = [_parts(member)[0] for member in images]
    if len(set(keys)) < len(keys):
        raise AccuracyError(f"{path} holds several images of one key ({few(_repeated(keys))}); keep one of each")
    label_of = {_parts(member)[0]: member for member in regular if _parts(member)[1] == _LABEL}
    if without := [key for key in keys if key not in label_of]:
        raise AccuracyError(f"{path} holds images without a label ({few(without)}); add key.{_LABEL} beside each")
    store = TarStore(
        path=path,
        names=tuple(member.name.rpartition("/")[2] for member in images),
        sizes_bytes=tuple(member.size for member in images),
        folders=(),
        members=tuple(member.name for member in images),
        offsets=tuple(member.offset_data for member in images),
    )
    with path.open("rb") as file:
        return store, [_text(file, label_of[key], path) for key in keys]


def _text(file: BinaryIO, member: tarfile.TarInfo, path: Path) -> str:
    """The text of a label."""
    file.seek(member.offset_data)
    data = file.read(min(member.size, _MOST_LABEL_BYTES))
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        text = ""
    if not text or len(data) == _MOST_LABEL_BYTES:
        raise AccuracyError(f"{path}: {member.name} is not a label, which is the class's number or name as text")
    return text


def _classes(texts: Sequence[str], place: Path, order: str) -> Classes:
    distinct = sorted(set(texts))
    if not order and all(map(is_number, distinct)):
        return indexed_classes([int(text) for text in distinct])
    return classes_of(distinct, place, order)


def _index(text: str, classes: Classes) -> int:
    return classes.index_of[text if text in classes.index_of else str(int(text))]


def _repeated(keys: Sequence[str]) -> list[str]:
    return [key for key in set(keys) if keys.count(key) > 1]


def _parts(member: tarfile.TarInfo) -> tuple[str, str]:
    """Key and extension, which begins at the first dot of the file's name."""
    folder, slash, name = member.name.rpartition("/")
    key, _, extension = name.partition(".")
    return f"{folder}{slash}{key}", extension.lower()
