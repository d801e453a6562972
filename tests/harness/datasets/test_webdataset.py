from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.datasets import open_images
from harness.errors import AccuracyError

WriteTar = Callable[..., Path]


def test_labels_beside_the_images(tmp_path: Path, write_tar: WriteTar) -> None:
    files = {"b.jpg": b"B", "b.cls": b"7\n", "b.json": b"{}", "a.PNG": b"A", "a.cls": b"0", "__key__": b""}
    images = open_images(write_tar(tmp_path / "val.tar", files))
    assert [(item.name, item.label) for item in images.items] == [("a.PNG", 0), ("b.jpg", 7)]
    assert [images.read(index) for index in range(2)] == [b"A", b"B"]
    assert (images.name, images.classes, images.open_ended) == ("val", 8, True)
    assert images.location(1) == f"{tmp_path / 'val.tar'}: b.jpg"
    assert open_images(tmp_path / "val.tar", class_order="number").classes == 2


@pytest.mark.parametrize(
    ("labels", "expected"),
    [((b"n01443537", b"n02123045"), [1, 281]), ((b"dog", b"cat"), [1, 0]), ((b"class_10", b"class_9"), [1, 0])],
)
def test_labels_that_are_names(
    tmp_path: Path, write_tar: WriteTar, labels: tuple[bytes, bytes], expected: list[int]
) -> None:
    files = {"x/0.jpg": b"", "x/0.cls": labels[0], "x/1.jpg": b"", "x/1.cls": labels[1]}
    images = open_images(write_tar(tmp_path / "val.tar", files))
    assert [item.label for item in images.items] == expected


def test_shards_of_a_folder(tmp_path: Path, write_tar: WriteTar) -> None:
    for shard in range(2):
        files = {f"{key}.{kind}": f"{shard}{key}{kind}".encode() for key in "ab" for kind in ("jpg", "webm")}
        labels = {f"{key}.cls": str(shard).encode() for key in "ab"}
        write_tar(tmp_path / f"set-val-{shard:03d}.tar", {**files, **labels})
    images = open_images(tmp_path)
    assert [item.name for item in images.items] == [
        "set-val-000/a.jpg", "set-val-000/b.jpg", "set-val-001/a.jpg", "set-val-001/b.jpg"
    ]  # fmt: skip
    assert [images.read(index) for index in range(4)] == [b"0ajpg", b"0bjpg", b"1ajpg", b"1bjpg"]
    assert [item.label for item in images.items] == [0, 0, 1, 1]
    assert pickle.loads(pickle.dumps(images)).read(3) == b"1bjpg"
    for given in ("set-val", "set-val-{000..001}.tar"):
        assert open_images(tmp_path / given).digest == images.digest
    write_tar(tmp_path / "set-train-000.tar", {"a.jpg": b"", "a.cls": b"0"})
    with pytest.raises(AccuracyError, match=r"several splits \(set-train, set-val\); give one .*/set-val$"):
        open_images(tmp_path)
    write_tar(tmp_path / "set-val-002.tar", {"a.jpg": b""})
    with pytest.raises(AccuracyError, match=r"set-val-002\.tar is a tar archive without labels"):
        open_images(tmp_path / "set-val")


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"a.jpg": b"", "b.cls": b"0"}, r"images without a label \(a\); add key\.cls"),
        ({"a.jpg": b"", "a.png": b"", "a.cls": b"0"}, r"several images of one key \(a\)"),
        ({"a.cls": b"0"}, "labels \\(cls\\) and no images beside them"),
        ({"a.jpg": b"", "a.cls": b""}, r"a\.cls is not a label"),
        ({"a.jpg": b"", "a.cls": b"\xff\x00"}, r"a\.cls is not a label"),
        ({"a.jpg": b"", "a.cls": b"x" * 5000}, r"a\.cls is not a label"),
    ],
)
def test_incomplete_shards_are_refused(
    tmp_path: Path, write_tar: WriteTar, files: dict[str, bytes], fault: str
) -> None:
    with pytest.raises(AccuracyError, match=fault):
        open_images(write_tar(tmp_path / "val.tar", files))
