from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from harness.datasets import open_images
from harness.datasets.imagenet import index_of_wnid
from harness.errors import AccuracyError
from tests.fakes.data_sets import INDICES, VALIDATION, Files

KAGGLE = "ImageId,PredictionString\n" + "".join(
    f"{name.removesuffix('.JPEG')},{wnid} 156 48 272 332 {wnid} 1 2 3 4 \n"
    for name, wnid in reversed(VALIDATION.items())
)
INDEXED = "".join(f"{name} {index}\n" for name, index in zip(reversed(VALIDATION), reversed(INDICES), strict=True))
BY_WNID = "".join(f"val/{name}\t{wnid}\r\n" for name, wnid in VALIDATION.items())
QUOTED = '"ImageId","Class"\r\n' + "".join(f'"{name}","{wnid}"\r\n' for name, wnid in VALIDATION.items())
OF_INDICES = "Class;Image Id\n" + "".join(f"{index};{name}\n" for name, index in zip(VALIDATION, INDICES, strict=True))
QUOTED_KAGGLE = '"ImageId","PredictionString"\n' + "".join(
    f'"{name.removesuffix(".JPEG")}","{wnid} 156 48 272 332, 5"\n' for name, wnid in VALIDATION.items()
)
WITHOUT_HEADER = "".join(f"val/{name}, {wnid}\n" for name, wnid in VALIDATION.items())
BOXED = "".join(f"{name}\t{wnid}\t0\t32\t44\t62\n" for name, wnid in VALIDATION.items())
"""As Tiny ImageNet's."""
FORMS = [QUOTED, OF_INDICES, QUOTED_KAGGLE, WITHOUT_HEADER, BOXED]
SYNSETS = "\n".join(VALIDATION.values()) + "\n\n"

# Some permutation that is not the sorted order, as the devkit's is.
DEVKIT_WNIDS = sorted(index_of_wnid(), key=lambda wnid: wnid[::-1])
DEVKIT = "".join(f"{DEVKIT_WNIDS.index(wnid) + 1}\n" for wnid in VALIDATION.values())


@pytest.fixture
def folder(tmp_path: Path, flat: Files, write_files: Callable[..., Path]) -> Path:
    return write_files(tmp_path / "val", flat)


@pytest.fixture
def labels(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "labels.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.mark.parametrize("content", [KAGGLE, INDEXED, BY_WNID, SYNSETS, "\ufeff" + INDEXED, *FORMS])
def test_every_form_gives_the_same_labels(folder: Path, labels: Callable[[str], Path], content: str) -> None:
    images = open_images(folder, ground_truth=labels(content))
    assert (images.name, images.classes) == ("ImageNet", 1000)
    assert [item.label for item in images.items] == INDICES
    assert [item.name for item in images.items] == list(VALIDATION)


def _write_meta(path: Path, wnids: Iterable[str], first: int = 1) -> None:
    """Writes the devkit's file: the 1,000 classes, then the tree's inner nodes."""
    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O")]
    leaves = [(float(number), wnid, "a word", 0.0) for number, wnid in enumerate(wnids, first)]
    inner = [(float(number), f"n9{number:07d}", "an inner node", 2.0) for number in range(first + 1000, first + 1005)]
    savemat(path, {"synsets": np.array(leaves + inner, fields)[:, None]})


def test_the_devkits_numbers_by_its_meta_mat(folder: Path, labels: Callable[[str], Path], tmp_path: Path) -> None:
    _write_meta(tmp_path / "meta.mat", DEVKIT_WNIDS)
    images = open_images(folder, ground_truth=labels(DEVKIT))
    assert [item.label for item in images.items] == INDICES


def test_the_devkits_numbers_by_a_later_kits_map(folder: Path, labels: Callable[[str], Path], tmp_path: Path) -> None:
    lines = [f"{wnid} {number} some_name\n" for number, wnid in enumerate(DEVKIT_WNIDS, 1)]
    (tmp_path / "map_clsloc.txt").write_text("".join(lines))
    images = open_images(folder, ground_truth=labels(DEVKIT))
    assert [item.label for item in images.items] == INDICES


def test_the_devkits_numbers_alone_are_refused(folder: Path, labels: Callable[[str], Path]) -> None:
    with pytest.raises(
        AccuracyError, match=r"not the order of the wnids\. Put the devkit's meta\.mat .* beside it, or"
    ):
        open_images(folder, ground_truth=labels(DEVKIT))


@pytest.mark.parametrize("content", ["0\n5\n5\n5\n5\n", "1\n2\n3\n4\n1001\n"])
def test_numbers_that_are_not_the_devkits_are_refused(
    folder: Path, labels: Callable[[str], Path], content: str
) -> None:
    with pytest.raises(AccuracyError, match=r"the devkit's are from 1 to 1000"):
        open_images(folder, ground_truth=labels(content))


@pytest.mark.parametrize("damage", ["no mat", "two of one", "shifted", "too few"])
def test_a_damaged_meta_mat_is_refused(
    folder: Path, labels: Callable[[str], Path], tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "meta.mat"
    if damage == "no mat":
        path.write_bytes(b"something else")
    elif damage == "two of one":
        _write_meta(path, [DEVKIT_WNIDS[0], *DEVKIT_WNIDS[:-1]])
    elif damage == "shifted":
        _write_meta(path, DEVKIT_WNIDS, first=0)
    else:
        _write_meta(path, DEVKIT_WNIDS[:-1], first=2)
    with pytest.raises(AccuracyError, match=r"meta\.mat cannot be used .* take it from the devkit again"):
        open_images(folder, ground_truth=labels(DEVKIT))


@pytest.mark.parametrize("content", [b"n01440764\n", b"n01440764 one\n", b"\xff\xfe"])
def test_a_damaged_map_is_refused(folder: Path, labels: Callable[[str], Path], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "map_clsloc.txt").write_bytes(content)
    with pytest.raises(AccuracyError, match=r"map_clsloc\.txt cannot be used"):
        open_images(folder, ground_truth=labels(DEVKIT))


@pytest.mark.parametrize("content", [KAGGLE, INDEXED, BY_WNID, SYNSETS])
@pytest.mark.parametrize("change", ["image missing", "label missing"])
def test_labels_of_the_wrong_number_are_refused_with_both_counts(
    folder: Path, labels: Callable[[str], Path], content: str, change: str
) -> None:
    if change == "image missing":
        (folder / "ILSVRC2012_val_00000003.JPEG").unlink()
        expected = r"labels\.txt has 5 labels, but .*val holds 4 images"
    else:
        content = "\n".join(content.strip().splitlines()[:-1])
        expected = r"labels\.txt has 4 labels, but .*val holds 5 images"
    with pytest.raises(AccuracyError, match=expected):
        open_images(folder, ground_truth=labels(content))


def test_labels_of_other_images_are_named(folder: Path, labels: Callable[[str], Path]) -> None:
    with pytest.raises(
        AccuracyError, match=r"without label: ILSVRC2012_val_00000003; without image: ILSVRC2012_val_00000033"
    ):
        open_images(folder, ground_truth=labels(INDEXED.replace("00003", "00033")))


def test_labels_without_names_go_with_the_validation_sets_own_names(
    folder: Path, labels: Callable[[str], Path]
) -> None:
    (folder / "ILSVRC2012_val_00000003.JPEG").rename(folder / "3.JPEG")
    with pytest.raises(AccuracyError, match=r"holds other names \(3\.JPEG\); give a file of lines 'file label'"):
        open_images(folder, ground_truth=labels(SYNSETS))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "is empty; give the labels as LOC_val_solution"),
        ("\n \n", "is empty"),
        ("ImageId,PredictionString\n", "has a header but no labels"),
        ("ImageId,PredictionString\na,n01440764 1 2 3 4\nb,\n", "line 3: 'b,' is not a label"),
        ("a.jpg 5\n\nb.jpg cat\n", "line 3: 'b.jpg cat' is not a label"),
        ("a.jpg 5\nb.jpg\n", "line 2: 'b.jpg' is not a label"),
        ("a.jpg 5\nb.jpg 1000\n", "line 2: 1000 is not a class index; .* from 0 to 999"),
        ("a.jpg -1\n", "line 1: 'a.jpg -1' is not a label"),
        ("n01440764\n65\n", "line 2: '65' is not a label"),
        ("n01440764\nn00000001\n", "line 2: n00000001 is not one of ImageNet's 1,000 classes"),
        ("9" * 5000 + "\n", "line 1: '99999.* is not a label"),
        (INDEXED + "ILSVRC2012_val_00000003.JPEG 7\n", "has images twice: ILSVRC2012_val_00000003"),
        (b"\xff\xfe\x00", "is not text"),
    ],
)
def test_a_file_in_no_known_form_is_refused(
    folder: Path, labels: Callable[[str | bytes], Path], content: str | bytes, fault: str
) -> None:
    with pytest.raises(AccuracyError, match=rf"labels\.txt.* {fault}"):
        open_images(folder, ground_truth=labels(content))


def test_a_missing_file_is_reported(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AccuracyError, match=r"none\.txt cannot be read \(No such file"):
        open_images(folder, ground_truth=tmp_path / "none.txt")


def test_two_images_of_one_name_are_reported(folder: Path, labels: Callable[[str], Path]) -> None:
    (folder / "ILSVRC2012_val_00000003.png").write_bytes(b"")
    with pytest.raises(AccuracyError, match="has images twice: ILSVRC2012_val_00000003"):
        open_images(folder, ground_truth=labels(INDEXED))


@pytest.fixture
def pets(tmp_path: Path, write_files: Callable[..., Path]) -> Path:
    return write_files(tmp_path / "pets", {f"{number}.png": b"" for number in range(3)})


@pytest.mark.parametrize(
    ("content", "classes", "expected"),
    [
        ("ImageId,Class\n0.png,emu\n1.png,cat\n2.png,emu\n", 2, [1, 0, 1]),
        ("id,label\n2,class_10\n0,class_9\n1,class_10\n", 2, [0, 1, 1]),
        ('Class,Note,"File Name"\n"cat, black","a ""b""",0.png\ndog,,1.png\n\ndog,,2.png\n', 2, [0, 1, 1]),
        ("0.png cat\n1.png dog\n2.png dog\n", 2, [0, 1, 1]),
        ("ImageId,Class\n0,7\n1,0\n2,7\n", 8, [7, 0, 7]),
    ],
)
def test_the_users_own_classes(
    pets: Path, labels: Callable[[str], Path], content: str, classes: int, expected: list[int]
) -> None:
    images = open_images(pets, ground_truth=labels(content))
    assert (images.name, images.classes) == ("pets", classes)
    assert [item.label for item in images.items] == expected
    assert images.told


def test_indices_in_a_table_may_be_of_a_network_with_more_classes(pets: Path, labels: Callable[[str], Path]) -> None:
    images = open_images(pets, ground_truth=labels("ImageId,Class\n0,7\n1,0\n2,7\n"))
    assert images.open_ended
    assert images.told == "labels from 0 to 7 are class indices, counted from 0"
    dense = open_images(pets, ground_truth=labels("ImageId,Class\n0,7\n1,0\n2,7\n"), class_order="number")
    assert (dense.classes, [item.label for item in dense.items]) == (2, [1, 0, 1])


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("picture,what\n0,cat\n", "has the columns picture, what; name that of the images ImageId"),
        ("path,noisy_labels_0\n0,n01440764\n", "has the columns path, noisy_labels_0"),
        ("ImageId,Class\n0,cat\n1,2\n", "line 3: '1,2' is not a label"),
        ("ImageId,Class\n0,cat\n1,\n", "line 3: '1,' is not a label"),
        ("ImageId,Class\n0,0.5\n1,0.7\n", "line 2: '0,0.5' is not a label"),
        ("this is prose\nof two lines\n", "line 1: 'this is prose' is not a label"),
    ],
)
def test_a_table_without_labels_is_refused(pets: Path, labels: Callable[[str], Path], content: str, fault: str) -> None:
    with pytest.raises(AccuracyError, match=fault):
        open_images(pets, ground_truth=labels(content))
