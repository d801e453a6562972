from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from operator import methodcaller
from pathlib import Path

import pytest

from harness.datasets import LabelledImage, open_images, open_pixels
from harness.datasets.imagenet import index_of_wnid
from harness.errors import EXIT_BAD_REQUEST, AccuracyError, UnreadableFileError
from tests.fakes.data_sets import INDICES, VALIDATION, Files, encoded

WriteFiles = Callable[..., Path]


def test_the_classes_of_imagenet_are_in_sorted_order() -> None:
    index_of = index_of_wnid()
    assert list(index_of) == sorted(index_of)
    assert list(index_of.values()) == list(range(1000))
    # Known to everyone who has looked at logits: tench, tabby, toilet tissue.
    assert [index_of[wnid] for wnid in ("n01440764", "n02123045", "n15075141")] == [0, 281, 999]


def test_folders_named_by_wnid_are_imagenets(tmp_path: Path, sorted_in_folders: Files, write_files: WriteFiles) -> None:
    images = open_images(write_files(tmp_path / "val", sorted_in_folders))
    assert (images.name, images.classes) == ("ImageNet", 1000)
    assert images.items == tuple(map(LabelledImage, VALIDATION, INDICES))
    assert [images.read(index) for index in range(5)] == list(sorted_in_folders.values())
    assert list(images.sizes_bytes) == [len(data) for data in sorted_in_folders.values()]
    assert images.encoded
    assert images.location(0) == str(tmp_path / "val" / "n01751748" / "ILSVRC2012_val_00000001.JPEG")


def test_other_folders_are_the_users_classes(tmp_path: Path, write_files: WriteFiles) -> None:
    files = {
        "dog/1.PNG": encoded(1, "PNG"),
        "cat/1.png": encoded(2, "PNG"),
        "cat/2.webp": encoded(3, "WEBP"),
        "cat/note.txt": b"",
        ".thumbs/1.png": b"",
        "readme.md": b"",
    }
    root = write_files(tmp_path / "my.pets", files)
    (root / "bird").mkdir()
    images = open_images(root)
    assert (images.name, images.classes) == ("my.pets", 3)
    assert [(item.name, item.label) for item in images.items] == [("1.PNG", 2), ("1.png", 1), ("2.webp", 1)]
    assert images.read(0) == files["dog/1.PNG"]


def test_images_of_one_name_in_several_classes_go_by_their_path(tmp_path: Path, write_files: WriteFiles) -> None:
    images = open_images(write_files(tmp_path, {"cat/1.jpg": b"cat", "dog/1.jpg": b"dog", "dog/2.jpg": b"two"}))
    assert [item.name for item in images.items] == ["cat/1.jpg", "dog/1.jpg", "dog/2.jpg"]


@pytest.fixture
def in_every_layout(
    tmp_path: Path,
    flat: Files,
    sorted_in_folders: Files,
    write_files: WriteFiles,
    write_tar: Callable[..., Path],
) -> list[tuple[Path, Path | None]]:
    ground_truth = tmp_path / "labels.txt"
    ground_truth.write_text("\n".join(VALIDATION.values()))
    return [
        (write_files(tmp_path / "sorted", sorted_in_folders), None),
        (write_files(tmp_path / "flat", flat), ground_truth),
        (write_tar(tmp_path / "sorted.tar", sorted_in_folders), None),
        (write_tar(tmp_path / "flat.tar", flat), ground_truth),
    ]


def test_digest_and_subset_are_of_the_set_not_of_its_layout(in_every_layout: list[tuple[Path, Path | None]]) -> None:
    digests, subsets = set(), set()
    for path, ground_truth in in_every_layout:
        digests.add(open_images(path, ground_truth=ground_truth).digest)
        subset = open_images(path, ground_truth=ground_truth, limit=3, seed=1)
        subsets.add((subset.digest, subset.items, tuple(subset.read(index) for index in range(3))))
    lines = [f"{index} {name}\n" for name, index in zip(VALIDATION, INDICES, strict=True)]
    assert digests == {hashlib.sha256("".join(["1000\n", *lines]).encode()).hexdigest()}
    assert len(subsets) == 1


def test_the_digest_differs_with_labels_and_names(
    tmp_path: Path, sorted_in_folders: Files, write_files: WriteFiles
) -> None:
    root = write_files(tmp_path / "val", sorted_in_folders)
    digests = {open_images(root).digest, open_images(root, limit=4).digest}
    (root / "n01751748" / "ILSVRC2012_val_00000001.JPEG").rename(root / "n02105855" / "ILSVRC2012_val_00000001.JPEG")
    digests.add(open_images(root).digest)
    (root / "n04263257" / "ILSVRC2012_val_00000004.JPEG").rename(root / "n04263257" / "4.JPEG")
    digests.add(open_images(root).digest)
    assert len(digests) == 4


def test_a_limit_above_the_number_of_images_takes_all(
    tmp_path: Path, sorted_in_folders: Files, write_files: WriteFiles
) -> None:
    root = write_files(tmp_path, sorted_in_folders)
    assert open_images(root, limit=6).items == open_images(root).items


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(tmp_path: Path, limit: int) -> None:
    with pytest.raises(AccuracyError, match="give a number of at least 1"):
        open_images(tmp_path, limit=limit)


def test_a_child_process_reads_what_its_parent_opened(
    tmp_path: Path, sorted_in_folders: Files, write_files: WriteFiles
) -> None:
    images = open_images(write_files(tmp_path, sorted_in_folders))
    assert pickle.loads(pickle.dumps(images)).digest == images.digest
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(methodcaller("read", 3), images).result() == images.read(3)


def test_an_error_is_a_bad_request() -> None:
    assert AccuracyError.exit_code == EXIT_BAD_REQUEST


def test_a_missing_path_is_reported(tmp_path: Path) -> None:
    with pytest.raises(AccuracyError, match=r"nowhere does not exist; give a folder of class folders"):
        open_images(tmp_path / "nowhere")


@pytest.mark.parametrize("folders", [(), ("cat", "dog")])
def test_a_folder_without_images_is_reported(tmp_path: Path, folders: tuple[str, ...]) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
    (tmp_path / "readme.txt").write_text("")
    with pytest.raises(AccuracyError, match=rf"{tmp_path.name} holds no images \(\.bmp, .*\); give a folder"):
        open_images(tmp_path)


def test_a_folder_around_the_data_set_names_it(tmp_path: Path, write_files: WriteFiles) -> None:
    write_files(tmp_path, {"ILSVRC2012_img_val.tar": b"", "cifar-10-batches-bin/test_batch.bin": b""})
    with pytest.raises(AccuracyError, match=r"give what is in it: \S*ILSVRC2012_img_val\.tar, \S*cifar-10-batches-bin"):
        open_images(tmp_path)


def test_a_folder_of_splits_is_reported(tmp_path: Path, write_files: WriteFiles) -> None:
    write_files(tmp_path, {"train/cat/1.jpg": b"", "val/cat/1.jpg": b""})
    with pytest.raises(AccuracyError, match=r"(train|val) holds folders \(cat\).*the folder whose subfolders are the"):
        open_images(tmp_path)


def test_images_beside_class_folders_are_refused(tmp_path: Path, write_files: WriteFiles) -> None:
    write_files(tmp_path, {"n01440764/1.jpg": b"", "2.jpg": b""})
    with pytest.raises(AccuracyError, match=r"both in class folders \(n01440764/1\.jpg\) and beside them \(2\.jpg\)"):
        open_images(tmp_path)


@pytest.mark.parametrize("other", ["n00000001", "lost+found", "tench"])
def test_unknown_classes_are_listed(
    tmp_path: Path, sorted_in_folders: Files, other: str, write_files: WriteFiles
) -> None:
    root = write_files(tmp_path / "val", sorted_in_folders)
    (root / other).mkdir()
    with pytest.raises(AccuracyError, match=r"not among ImageNet's 1,000 classes: ") as caught:
        open_images(root)
    assert other in str(caught.value)
    assert "remove them" in str(caught.value)


def test_of_many_unknown_classes_five_are_named(tmp_path: Path, write_files: WriteFiles) -> None:
    write_files(tmp_path, {f"n0000000{number}/1.jpg": b"" for number in range(8)})
    with pytest.raises(AccuracyError, match=r": n00000000, n00000001, .*n00000004 and 3 more; remove them"):
        open_images(tmp_path)


def test_an_image_of_the_validation_set_in_two_classes_is_refused(
    tmp_path: Path, sorted_in_folders: Files, write_files: WriteFiles
) -> None:
    sorted_in_folders["n01440764/ILSVRC2012_val_00000002.JPEG"] = b""
    with pytest.raises(AccuracyError, match=r"in two class folders: ILSVRC2012_val_00000002\.JPEG"):
        open_images(write_files(tmp_path, sorted_in_folders))


def test_flat_images_without_labels_are_refused(tmp_path: Path, flat: Files, write_files: WriteFiles) -> None:
    with pytest.raises(AccuracyError, match=r"give their labels too \(--ground-truth\), as LOC_val_solution\.csv"):
        open_images(write_files(tmp_path, flat))


def test_labels_beside_class_folders_are_refused(
    tmp_path: Path, sorted_in_folders: Files, write_files: WriteFiles
) -> None:
    with pytest.raises(AccuracyError, match=r"already contains its labels; omit val\.txt"):
        open_images(write_files(tmp_path, sorted_in_folders), ground_truth=Path("val.txt"))


def test_an_image_that_is_gone_is_reported(tmp_path: Path, sorted_in_folders: Files, write_files: WriteFiles) -> None:
    images = open_images(write_files(tmp_path, sorted_in_folders))
    path = tmp_path / "n01751748" / "ILSVRC2012_val_00000001.JPEG"
    path.unlink()
    with pytest.raises(AccuracyError, match=r"ILSVRC2012_val_00000001\.JPEG cannot be read \(No such file"):
        images.read(0)
    path.symlink_to("nowhere")
    for _ in range(2):
        again = open_images(tmp_path)
        with pytest.raises(UnreadableFileError, match=r"ILSVRC2012_val_00000001\.JPEG cannot be read \("):
            again.read(0)
        assert again.items == images.items
        assert again.read(1) == images.read(1)
        path.unlink()
        path.symlink_to(path.name)


def test_a_class_folder_that_is_a_dangling_link_is_not_left_out(tmp_path: Path, write_files: WriteFiles) -> None:
    root = write_files(tmp_path, {"cat/1.jpg": b"", "emu/1.jpg": b""})
    (root / "notes.txt").symlink_to("nowhere")
    assert open_images(root).classes == 2
    (root / "dog").symlink_to("nowhere")
    with pytest.raises(AccuracyError, match=r"dog is a link to nothing; if it is a class, fix or remove it"):
        open_images(root)


def test_a_folder_that_is_gone_is_not_many_unreadable_images(tmp_path: Path, write_files: WriteFiles) -> None:
    images = open_images(write_files(tmp_path / "val", {"cat/1.jpg": b""}))
    shutil.rmtree(tmp_path / "val")
    with pytest.raises(AccuracyError, match=r"1\.jpg cannot be read") as caught:
        images.read(0)
    assert not isinstance(caught.value, UnreadableFileError)


def test_what_reading_would_wait_for_is_refused(
    tmp_path: Path, sorted_in_folders: Files, flat: Files, write_files: WriteFiles
) -> None:
    root = write_files(tmp_path / "val", sorted_in_folders)
    pipe = root / "n01751748" / "pipe.JPEG"
    os.mkfifo(pipe)
    with pytest.raises(AccuracyError, match=r"n01751748 holds pipes, .* named like images \(pipe\.JPEG\); remove them"):
        open_images(root)
    with pytest.raises(AccuracyError, match=r"pipe\.JPEG is a pipe, a socket or a device"):
        open_images(pipe)
    with pytest.raises(AccuracyError, match=r"pipe\.JPEG is a pipe or a device, and labels are read twice"):
        open_images(write_files(tmp_path / "flat", flat), ground_truth=pipe)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that every user may enter; pytest's is accessible to its own user only."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextlib.contextmanager
def ordinary_user() -> Iterator[None]:
    """An ordinary user's rights, even if the tests run as root, who may read everything."""
    user = os.geteuid()
    os.seteuid(user or 65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("locked", [".", "val", "val/n01751748", "val.tar", "batches"])
def test_what_may_not_be_read_is_reported(
    reachable: Path,
    sorted_in_folders: Files,
    locked: str,
    write_files: WriteFiles,
    write_tar: Callable[..., Path],
) -> None:
    write_files(reachable / "val", sorted_in_folders)
    write_tar(reachable / "val.tar", sorted_in_folders)
    write_files(reachable / "batches", {"test_batch": b""})
    opened = reachable / ("val" if locked == "." else locked.partition("/")[0])
    mode = (reachable / locked).stat().st_mode
    (reachable / locked).chmod(0)
    with ordinary_user(), pytest.raises(AccuracyError, match=r"cannot be read \(Permission denied\); make it readable"):
        open_images(opened)
    (reachable / locked).chmod(mode)


@pytest.mark.parametrize("file", ["val/n01751748/ILSVRC2012_val_00000001.JPEG", "batches/test_batch"])
def test_a_file_that_may_not_be_read_is_reported(
    reachable: Path, sorted_in_folders: Files, file: str, write_files: WriteFiles
) -> None:
    write_files(reachable / "val", sorted_in_folders)
    write_files(reachable / "batches", {"test_batch": b""})
    (reachable / file).chmod(0)
    with (
        ordinary_user(),
        pytest.raises(AccuracyError, match=rf"{Path(file).name} cannot be read \(Permission denied\)"),
    ):
        open_images(reachable / file.partition("/")[0]).read(0)


def test_images_without_labels_are_opened_where_labels_do_not_matter(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.jpg").write_bytes(encoded(9))
    images = open_pixels(tmp_path, limit=3)
    assert (len(images.items), images.classes) == (3, 1)
    assert images.read(0) == encoded(9)
    with pytest.raises(AccuracyError, match="give their labels too"):
        open_images(tmp_path)
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "a.jpg").write_bytes(encoded(9))
    with pytest.raises(AccuracyError, match="beside them"):
        open_pixels(tmp_path)


@pytest.mark.parametrize("name", ["cat", "images", "val", "7"])
def test_one_folder_of_images_has_a_caution_unless_it_is_said_to_be_a_class(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "a.png").write_bytes(encoded(1, "PNG"))
    said = open_images(tmp_path).caution
    assert f"has one folder of images ({name}), so that all are of class 0: give the folder that holds" in said
    assert open_images(tmp_path, class_order="name").caution == ""


def test_one_class_of_imagenet_is_known_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "n01440764").mkdir()
    (tmp_path / "n01440764" / "a.png").write_bytes(encoded(1, "PNG"))
    assert open_images(tmp_path).classes == 1000
