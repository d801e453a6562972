from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.datasets import open_images
from harness.errors import AccuracyError
from tests.fakes.data_sets import Files, encoded


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid", r"is a Git LFS pointer .*\(git lfs pull\)"),
        (b"\n<!DOCTYPE html><title>Log in", "is a page of a web site instead of the file; download the file itself"),
        (encoded(3), "is one image; give the folder of the class folders"),
        (encoded(3, "PNG"), "is one image"),
        (b"ARROW1\0\0", "is an Arrow file; write Parquet from it"),
        (b"\x89HDF\r\n", "is an HDF5 file"),
        (
            b"ImageId,Class\n0,cat\n",
            "is text; give the folder of the images, and a file of their labels by --ground-truth",
        ),
        (b'{"a.png": "cat"}', "is text; give the folder of the images"),
        ("Bilder für alle\n".encode() * 60, "is text"),
        (b"\x80\x04\x95 pickled", "is a pickle, which could execute anything"),
        (b"SQLite format 3\0", "is a database"),
    ],
)
def test_a_file_that_is_not_a_data_set_says_what_it_is(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(AccuracyError, match=fault):
        open_images(tmp_path / "images")


def test_the_first_member_of_an_archive_may_have_any_name(
    tmp_path: Path, sorted_in_folders: Files, write_tar: Callable[..., Path]
) -> None:
    path = write_tar(tmp_path / "val.tar", {"arrow1/notes.txt": b"", **sorted_in_folders})
    assert len(open_images(path).items) == 5
