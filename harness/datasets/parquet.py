"""Images in Parquet files, as the Hub stores data sets: a column of encoded images, a column of labels."""

from __future__ import annotations

import bisect
import dataclasses
import functools
import itertools
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foundation.wording import cause
from harness.datasets import imagenet
from harness.datasets.classes import Classes, classes_of, indexed_classes
from harness.datasets.kinds import LONGEST_START, other_kind
from harness.datasets.layout import name_of
from harness.datasets.shards import missing_shards
from harness.datasets.stored import StoredImages, label
from harness.errors import AccuracyError, UnreadableFileError

MAGIC = b"PAR1"

_IMAGE_NAMES = ("image", "img", "jpg", "jpeg", "png", "webp")
_LABEL_NAMES = ("label", "labels", "cls", "class", "fine_label", "target", "category", "wnid", "synset")
_ROW_GROUPS_IN_MEMORY = 2
_READING = threading.Lock()


@dataclasses.dataclass(frozen=True)
class ParquetStore:
    """The images of Parquet files, read by row group."""

    shards: tuple[Path, ...]
    column: str
    """The column of the images."""
    groups: tuple[tuple[int, int], ...]
    """Shard and row group of every row group, in order."""
    starts: tuple[int, ...]
    """Position of the first image of every row group."""
    names: tuple[str, ...]
    sizes_bytes: tuple[int, ...]
    """The mean of each row group: single sizes would need the images to be read."""

    @property
    def encoded(self) -> bool:
        """Always: the cells are files."""
        return True

    def read(self, position: int) -> bytes:
        """The bytes of an image.

        Raises:
            UnreadableFileError: the cell is empty.
            AccuracyError: the file is gone, or damaged.
        """
        index = bisect.bisect_right(self.starts, position) - 1
        shard, group = self.groups[index]
        path = self.shards[shard]
        # Decoders ask for neighbours at once: the first reads the row group, the others find it.
        with _READING:
            column = _row_group(path, group, self.column)
        value = column[position - self.starts[index]].as_py()
        data = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(data, bytes) or not data:
            raise UnreadableFileError(f"{self.location(position)} has no bytes in the column {self.column}")
        return data

    def location(self, position: int) -> str:
        """The file and the image in it."""
        index = bisect.bisect_right(self.starts, position) - 1
        return f"{self.shards[self.groups[index][0]]}: {self.names[position]}"


@functools.lru_cache(maxsize=_ROW_GROUPS_IN_MEMORY)
def _row_group(path: Path, group: int, column: str) -> Any:
    pyarrow, parquet = _pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            return file.read_row_group(group, columns=[column]).column(0)
    except (OSError, pyarrow.ArrowException) as error:
        raise AccuracyError(f"{path} can no longer be read ({error}); leave it alone while it is in use") from error


def open_shards(shards: Sequence[Path], place: Path, order: str) -> StoredImages:
    """The images and labels of the Parquet files of one split.

    Args:
        shards: the files.
        place: what the user gave, for messages and the name.
        order: how classes known by name are numbered (`classes.classes_of`).

    Raises:
        AccuracyError: a file is damaged, or its columns are not images and labels.
    """
    pyarrow, parquet = _pyarrow()
    groups: list[tuple[int, int]] = []
    counts, sizes, names, labels = [], [], [], []
    image = target = ""
    schema: Any = None
    for number, path in enumerate(shards):
        try:
            with parquet.ParquetFile(path) as file:
                schema = file.schema_arrow
                image, target = _image_column(path, schema), _label_column(path, schema)
                for group in range(file.num_row_groups):
                    rows = file.metadata.row_group(group).num_rows
                    groups.append((number, group))
                    counts.append(rows)
                    sizes += [_image_bytes(file.metadata.row_group(group), image) // max(1, rows)] * rows
                names += [f"{path.stem}-{row:08d}" for row in range(file.metadata.num_rows)]
                labels += file.read(columns=[target]).column(0).to_pylist()
        except (OSError, pyarrow.ArrowException) as error:
            raise AccuracyError(f"{path} is {_instead(path) or f'damaged ({error}); fetch it again'}") from error
    starts = tuple(itertools.accumulate(counts, initial=0))[:-1]
    store = ParquetStore(tuple(shards), image, tuple(groups), starts, tuple(names), tuple(sizes))
    classes, indices = _labelled(labels, _class_names(schema, target), place, order)
    caution = "; ".join(filter(None, (classes.caution, missing_shards(shards))))
    return label(classes.set_name or name_of(place), dataclasses.replace(classes, caution=caution), store, indices)


def _instead(path: Path) -> str:
    """What a file is that is named like Parquet; empty if it is not known."""
    try:
        with path.open("rb") as file:
            return other_kind(file.read(LONGEST_START))
    except OSError as error:
        return f"not readable ({cause(error)}); fetch it again"


def _image_column(path: Path, schema: Any) -> str:
    pyarrow, _ = _pyarrow()

    def is_binary(kind: Any) -> bool:
        return bool(pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind))

    def holds_images(kind: Any) -> bool:
        if pyarrow.types.is_struct(kind):
            return any(field.name == "bytes" and is_binary(field.type) for field in kind)
        return is_binary(kind)

    found = [field.name for field in schema if holds_images(field.type)]
    return _one_of(path, schema, found, _IMAGE_NAMES, "encoded images (an `image` with `bytes`)")


def _label_column(path: Path, schema: Any) -> str:
    types = _pyarrow()[0].types
    found = [
        field.name
        for field in schema
        if types.is_integer(field.type) or types.is_string(field.type) or types.is_large_string(field.type)
    ]
    return _one_of(path, schema, found, _LABEL_NAMES, "labels (a `label`)")


def _one_of(path: Path, schema: Any, found: Sequence[str], known: Sequence[str], what: str) -> str:
    """The column with the first of the known names, or the only one that can be meant."""
    named = next((name for name in known if name in found), found[0] if len(found) == 1 else None)
    if named is None:
        columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
        raise AccuracyError(
            f"{path} is a Parquet file without a column of {what}; it has {columns}. Give the shards of a data set for "
            "image classification, or rename the column"
        )
    return named


def _class_names(schema: Any, target: str) -> list[str]:
    """The names of the classes that the Hub's metadata list; empty if there are none."""
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        names = features[target]["names"]
    except (KeyError, TypeError, ValueError):
        return []
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []


def _labelled(values: Sequence[Any], class_names: Sequence[str], place: Path, order: str) -> tuple[Classes, list[int]]:
    """The classes, and the index of every image's."""
    without = sum(value is None or value == -1 for value in values)
    if without or not values:
        told = f"{without:,} of {len(values):,} images without a label, as the test splits of contests have"
        raise AccuracyError(f"{place} has {told}; give a split with labels" if values else f"{place} has no images")
    if class_names and all(isinstance(value, int) and 0 <= value < len(class_names) for value in values):
        if order or all(name in imagenet.index_of_wnid() for name in class_names):
            classes = classes_of(class_names, place, order)
            return classes, [classes.index_of[class_names[value]] for value in values]
        told = f"{len(class_names):,} classes, as its metadata number them: {class_names[0]} is 0"
        index_of = {name: index for index, name in enumerate(class_names)}
        return Classes(index_of, len(class_names), told=told), list(values)
    if not order and all(isinstance(value, int) and value >= 0 for value in values):
        return indexed_classes(set(values)), list(values)
    texts = [str(value) for value in values]
    classes = classes_of(sorted(set(texts)), place, order)
    return classes, [classes.index_of[text] for text in texts]


def _image_bytes(group: Any, column: str) -> int:
    """Stored size of the images of a row group."""
    chunks = (group.column(number) for number in range(group.num_columns))
    return sum(one.total_compressed_size for one in chunks if one.path_in_schema.split(".")[0] == column)


def _pyarrow() -> tuple[Any, Any]:
    """Imports pyarrow and its module for Parquet.

    Raises:
        AccuracyError: pyarrow cannot be imported.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise AccuracyError(
            f"these images are in Parquet files, and pyarrow does not import here ({error}): pip install pyarrow"
        ) from error
    return pyarrow, parquet
