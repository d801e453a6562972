from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from harness.datasets import open_images
from harness.errors import AccuracyError, UnreadableFileError

IMAGE = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])


def write(
    path: Path,
    labels: Sequence[Any],
    *,
    names: Sequence[str] = (),
    label: str = "label",
    kind: pyarrow.DataType = IMAGE,
    image: str = "image",
    **others: Sequence[Any],
) -> Path:
    """Writes a shard of the Hub with row groups of two images, whose bytes are their number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    contents = [f"{path.stem} {number}".encode() for number in range(len(labels))]
    images = [{"bytes": data, "path": f"{data!r}.jpg"} for data in contents] if kind == IMAGE else contents
    table = pyarrow.table({**others, image: pyarrow.array(images, kind), label: pyarrow.array(labels)})
    features = {image: {"_type": "Image"}, label: {"names": list(names), "_type": "ClassLabel"}}
    if names:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, path, row_group_size=2)
    return path


def test_the_shards_of_a_split(tmp_path: Path) -> None:
    for shard, labels in enumerate(([2, 0, 1], [1, 1])):
        write(tmp_path / f"validation-{shard:05d}-of-00002.parquet", labels, names=["ant", "bee", "cat"])
    images = open_images(tmp_path)
    assert (images.name, images.classes, images.encoded) == (tmp_path.name, 3, True)
    assert [item.label for item in images.items] == [2, 0, 1, 1, 1]
    expected = [
        f"validation-{shard:05d}-of-00002 {row}".encode() for shard, row in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1))
    ]
    assert [images.read(index) for index in range(5)] == expected
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(images.read, [*range(5)] * 20)) == expected * 20
    again = pickle.loads(pickle.dumps(images))
    assert (again.digest, again.read(3)) == (images.digest, expected[3])
    assert images.location(3).endswith("validation-00001-of-00002.parquet: validation-00001-of-00002-00000000")
    assert all(size > 0 for size in images.sizes_bytes)
    assert images.told == "3 classes, as its metadata number them: ant is 0"
    assert len(open_images(tmp_path, limit=3).items) == 3


def test_one_of_several_splits_is_given(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        write(tmp_path / "data" / f"{split}-00000-of-00001-0123456789abcdef.parquet", [0, 1], names=["a", "b"])
    for place in (tmp_path, tmp_path / "data"):
        with pytest.raises(AccuracyError, match=r"several splits \(train, validation\); give one .*/data/validation$"):
            open_images(place)
    images = open_images(tmp_path / "data" / "validation")
    assert (images.name, images.read(0)) == ("validation", b"validation-00000-of-00001-0123456789abcdef 0")
    assert len(open_images(tmp_path / "data" / "train", limit=1).items) == 1
    with pytest.raises(AccuracyError, match="does not exist"):
        open_images(tmp_path / "data" / "test")


@pytest.mark.parametrize("kind", [IMAGE, pyarrow.binary(), pyarrow.large_binary()])
@pytest.mark.parametrize(("image", "label"), [("img", "fine_label"), ("jpg", "cls"), ("picture", "number")])
def test_columns_by_what_they_hold(tmp_path: Path, kind: pyarrow.DataType, image: str, label: str) -> None:
    path = write(tmp_path / "test.parquet", [1, 4], kind=kind, image=image, label=label)
    images = open_images(path)
    assert [item.label for item in images.items] == [1, 4]
    assert (images.read(1), images.classes, images.open_ended) == (b"test 1", 5, True)


@pytest.mark.parametrize(("labels", "names"), [([1, 0], ["n01443537", "n02123045"]), (["n02123045", "n01443537"], [])])
def test_wnids_are_imagenets(tmp_path: Path, labels: list[Any], names: list[str]) -> None:
    path = write(tmp_path / "tiny.parquet", labels, names=names)
    images = open_images(path)
    assert (images.name, images.classes, list(images.class_indices)) == ("ImageNet", 1000, [1, 281])
    assert [item.label for item in images.items] == [281, 1]
    own = open_images(path, class_order="name")
    assert (own.classes, [item.label for item in own.items]) == (2, [1, 0])


def test_names_as_labels(tmp_path: Path) -> None:
    images = open_images(write(tmp_path / "pets.parquet", ["dog", "cat", "dog"]))
    assert (images.name, images.classes, [item.label for item in images.items]) == ("pets", 2, [1, 0, 1])


def test_missing_shards_are_stated(tmp_path: Path) -> None:
    write(tmp_path / "val-00000-of-00003.parquet", [0, 1], names=["a", "b"])
    assert open_images(tmp_path).caution == "the images are those of 1 of 3 shards"


def test_an_empty_cell_costs_one_image(tmp_path: Path) -> None:
    path = tmp_path / "val.parquet"
    images = [{"bytes": None, "path": "/etc/passwd"}, {"bytes": b"data", "path": None}, None]
    parquet.write_table(pyarrow.table({"image": pyarrow.array(images, IMAGE), "label": [0, 1, 1]}), path)
    opened = open_images(path)
    assert opened.read(1) == b"data"
    for index in (0, 2):
        with pytest.raises(UnreadableFileError, match="has no bytes in the column image"):
            opened.read(index)


@pytest.mark.parametrize("labels", [[-1, -1], [0, None]])
def test_images_without_labels_are_refused(tmp_path: Path, labels: list[Any]) -> None:
    with pytest.raises(AccuracyError, match=r"of 2 images without a label, .* give a split with labels"):
        open_images(write(tmp_path / "test.parquet", labels, names=["a", "b"]))


def test_other_tables_are_refused_with_their_columns(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"text": ["a"], "label": [0]}), tmp_path / "text.parquet")
    with pytest.raises(AccuracyError, match=r"without a column of encoded images .* it has text \(string\), label"):
        open_images(tmp_path / "text.parquet")
    path = write(tmp_path / "two.parquet", [0], label="age", height=[1])
    with pytest.raises(AccuracyError, match=r"without a column of labels .* height \(int64\), .*rename the column"):
        open_images(path)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"PAR1 and no more", "is damaged"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer instead of the file"),
        (b"<html>", "is a page of a web site"),
    ],
)
def test_a_file_that_is_not_parquet_says_what_it_is(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "val.parquet"
    path.write_bytes(content)
    for place in (path, tmp_path):
        with pytest.raises(AccuracyError, match=fault):
            open_images(place)


def test_a_shard_that_is_gone_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "gone.parquet", [0, 1])
    images = open_images(path)
    path.unlink()
    with pytest.raises(AccuracyError, match=r"gone\.parquet can no longer be read"):
        images.read(0)
