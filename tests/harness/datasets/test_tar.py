from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from operator import methodcaller
from pathlib import Path

import pytest

from harness.datasets import open_images
from harness.errors import AccuracyError
from tests.fakes.data_sets import INDICES, VALIDATION, Files, encoded

WriteTar = Callable[..., Path]


@pytest.fixture
def ground_truth(tmp_path: Path) -> Path:
    path = tmp_path / "synset_labels.txt"
    path.write_text("\n".join(VALIDATION.values()))
    return path


@pytest.mark.parametrize("prefix", ["", "./", "val/", "a/b/val/"])
def test_flat_images_with_labels(
    tmp_path: Path, flat: Files, ground_truth: Path, prefix: str, write_tar: WriteTar
) -> None:
    # The published archive is not sorted by name.
    members = {f"{prefix}{name}": flat[name] for name in reversed(flat)}
    images = open_images(write_tar(tmp_path / "val.tar", members), ground_truth=ground_truth)
    assert (images.name, images.classes) == ("ImageNet", 1000)
    assert [item.name for item in images.items] == list(VALIDATION)
    assert [item.label for item in images.items] == INDICES
    assert [images.read(index) for index in range(5)] == list(flat.values())
    assert list(images.sizes_bytes) == [len(data) for data in flat.values()]
    assert images.encoded
    assert images.location(0) == f"{tmp_path / 'val.tar'}: {prefix}ILSVRC2012_val_00000001.JPEG"


@pytest.mark.parametrize("prefix", ["", "./", "val/", "/absolute/val/", "../../val/"])
def test_class_folders(tmp_path: Path, sorted_in_folders: Files, prefix: str, write_tar: WriteTar) -> None:
    members = {f"{prefix}{name}": data for name, data in sorted_in_folders.items()}
    images = open_images(write_tar(tmp_path / "val.tar", members))
    assert [item.label for item in images.items] == INDICES
    assert [images.read(index) for index in range(5)] == list(sorted_in_folders.values())


def test_one_folder_is_a_class_if_it_is_named_by_a_wnid(tmp_path: Path, write_tar: WriteTar) -> None:
    images = open_images(write_tar(tmp_path / "tench.tar", {"n01440764/a.jpg": encoded(1), "n01440764/b.jpg": b""}))
    assert [item.label for item in images.items] == [0, 0]


def test_own_classes_count_folders_without_images(tmp_path: Path, write_tar: WriteTar) -> None:
    files = {"pets/dog/1.jpg": b"d", "pets/cat/1.jpg": b"c", "pets/readme.txt": b""}
    images = open_images(write_tar(tmp_path / "pets.tar", files, folders=("pets", "pets/bird", "other", "pets/.git")))
    assert (images.name, images.classes) == ("pets", 3)
    assert [(item.name, item.label) for item in images.items] == [("cat/1.jpg", 1), ("dog/1.jpg", 2)]


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names(tmp_path: Path, format_: int) -> None:
    path = tmp_path / "long.tar"
    with tarfile.open(path, "w:", format=format_) as archive:
        for folder in ("a", "b"):
            member = tarfile.TarInfo(f"{'x' * 90}/{folder}/{'y' * 90}.jpg")
            member.size = 1
            archive.addfile(member, io.BytesIO(folder.encode()))
    images = open_images(path)
    assert [images.read(index) for index in range(2)] == [b"a", b"b"]


def test_hidden_files_are_left_out(tmp_path: Path, sorted_in_folders: Files, write_tar: WriteTar) -> None:
    hidden = {"n01751748/._ILSVRC2012_val_00000001.JPEG": b"", "__MACOSX/.x/1.jpg": b"", ".cache/1.jpg": b""}
    images = open_images(write_tar(tmp_path / "val.tar", sorted_in_folders | hidden))
    assert len(images.items) == 5


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_many_processes_and_threads_read_at_once(
    tmp_path: Path, sorted_in_folders: Files, method: str, write_tar: WriteTar
) -> None:
    images = open_images(write_tar(tmp_path / "val.tar", sorted_in_folders))
    images.read(0)
    expected = list(sorted_in_folders.values())
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(images.read, [*range(5)] * 50)) == expected * 50
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as pool:
        futures = [pool.submit(methodcaller("read", index), images) for index in [*range(5)] * 10]
        assert [future.result() for future in futures] == expected * 10


@pytest.mark.parametrize("cut", range(512, 5 * 1536 + 512, 512))
def test_a_truncated_archive_is_refused(tmp_path: Path, cut: int, write_tar: WriteTar) -> None:
    # Header, content of two blocks: five members of 1,536 bytes.
    files = {f"n01440764/{number}.jpg": bytes([number]) * 900 for number in range(5)}
    path = write_tar(tmp_path / "val.tar", files)
    whole = path.read_bytes()
    for end in (cut, cut - 100):
        path.write_bytes(whole[:end])
        if end < 5 * 1536 + 512:
            with pytest.raises(AccuracyError, match="truncated"):
                open_images(path)
        else:
            assert len(open_images(path).items) == 5


def test_a_damaged_header_in_the_middle_is_refused(
    tmp_path: Path, sorted_in_folders: Files, write_tar: WriteTar
) -> None:
    path = write_tar(tmp_path / "val.tar", sorted_in_folders)
    data = bytearray(path.read_bytes())
    third = data.index(b"n02105855/")
    data[third : third + 8] = b"\xff" * 8
    path.write_bytes(data)
    with pytest.raises(AccuracyError, match=r"truncated or damaged: after 2 members, at byte"):
        open_images(path)


def test_what_follows_the_end_is_never_passed_over(
    tmp_path: Path, sorted_in_folders: Files, write_tar: WriteTar
) -> None:
    """A header of zeros ends an archive: a gap in a download, or another archive after this one."""
    path = write_tar(tmp_path / "val.tar", sorted_in_folders)
    whole = path.read_bytes()
    third = whole.index(b"n02105855/")
    for content in (whole[:third] + bytes(512) + whole[third + 512 :], whole + whole):
        path.write_bytes(content)
        with pytest.raises(AccuracyError, match=r"val\.tar continues after its end at byte [\d,]+, after \d members"):
            open_images(path)
    path.write_bytes(whole + bytes(20_000))
    assert len(open_images(path).items) == 5


def test_an_archive_that_shrinks_while_in_use_is_reported(
    tmp_path: Path, sorted_in_folders: Files, write_tar: WriteTar
) -> None:
    path = write_tar(tmp_path / "val.tar", sorted_in_folders)
    images = open_images(path)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(AccuracyError, match=r"val\.tar ends within n01751748/ILSVRC2012_val_00000001\.JPEG"):
        images.read(0)
    path.unlink()
    with pytest.raises(AccuracyError, match=r"val\.tar can no longer be read \(No such file"):
        images.read(0)


@pytest.mark.parametrize("type_", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_images_that_are_links_are_refused(tmp_path: Path, type_: bytes) -> None:
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w:") as archive:
        member = tarfile.TarInfo("n01440764/a.jpg")
        member.type, member.linkname = type_, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(AccuracyError, match=r"links or sparse files \(n01440764/a\.jpg\)"):
        open_images(path)


def test_an_image_twice_is_refused(tmp_path: Path, write_tar: WriteTar) -> None:
    path = write_tar(tmp_path / "val.tar", {"cat/1.jpg": b"old", "dog/1.jpg": b"", "./cat/1.jpg": b"new"})
    with pytest.raises(AccuracyError, match=r"holds images twice \(cat/1\.jpg\)"):
        open_images(path)


@pytest.mark.parametrize("odd", ["1.jpg", "val/1.jpg", "val/n01440764/deeper/1.jpg"])
def test_several_layouts_in_one_archive_are_refused(tmp_path: Path, odd: str, write_tar: WriteTar) -> None:
    path = write_tar(tmp_path / "val.tar", {"val/n01440764/1.jpg": b"", "val/n01443537/1.jpg": b"", odd: b""})
    with pytest.raises(AccuracyError, match=r"in several places .* pack one data set in one layout"):
        open_images(path)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_compressed_archive_is_refused(
    tmp_path: Path, sorted_in_folders: Files, mode: str, write_tar: WriteTar
) -> None:
    path = write_tar(tmp_path / "val.tar.z", sorted_in_folders, mode=mode)
    with pytest.raises(AccuracyError, match=r"val\.tar\.z is compressed .*unpack it \((gunzip|bunzip2|unxz)\)"):
        open_images(path)


@pytest.mark.parametrize("data", [b"", b"\0no tar", b"\x07" * 4096, b"x" * 257 + b"ustar"])
def test_another_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "images.tar"
    path.write_bytes(data)
    with pytest.raises(AccuracyError, match=r"images\.tar is not a tar archive, or is truncated"):
        open_images(path)


def test_an_archive_without_images_is_refused(tmp_path: Path, write_tar: WriteTar) -> None:
    path = write_tar(tmp_path / "texts.tar", {"a/readme.txt": b"text"})
    with pytest.raises(
        AccuracyError, match=r"texts\.tar holds no images \(\.bmp, .*\); give a folder of class folders"
    ):
        open_images(path)
