from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.datasets import open_images
from harness.errors import AccuracyError

WNIDS = ["n03444034", "n04067472", "n01443537"]
INDICES = [573, 758, 1]

WriteFiles = Callable[..., Path]


@pytest.fixture
def write_tiny(tmp_path: Path, write_files: WriteFiles) -> Callable[[list[str]], Path]:
    """Writes the data set as published, with one image for each wnid, and returns its folder."""

    def write(wnids: list[str]) -> Path:
        lines = [f"val_{number}.JPEG\t{wnid}\t0\t32\t44\t62\n" for number, wnid in enumerate(wnids)]
        images = {f"val/images/val_{number}.JPEG": bytes([number]) for number in range(len(wnids))}
        others = {"wnids.txt": "\n".join(wnids).encode(), "test/images/test_0.JPEG": b"", "words.txt": b""}
        return write_files(tmp_path / "tiny", {**images, "val/val_annotations.txt": "".join(lines).encode(), **others})

    return write


def test_the_annotations_beside_the_images_are_the_labels(write_tiny: Callable[[list[str]], Path]) -> None:
    root = write_tiny(WNIDS)
    images = open_images(root / "val")
    assert (images.name, images.classes, list(images.class_indices)) == ("ImageNet", 1000, sorted(INDICES))
    assert [item.label for item in images.items] == INDICES
    assert [images.read(index) for index in range(3)] == [b"\x00", b"\x01", b"\x02"]
    stated = root / "val" / "val_annotations.txt"
    for folder in (root / "val", root / "val" / "images"):
        assert open_images(folder, ground_truth=stated).digest == images.digest


@pytest.mark.parametrize(("wnids", "order"), [(WNIDS, "name"), ([*WNIDS[:2], "n00000001"], "")])
def test_classes_of_its_own(write_tiny: Callable[[list[str]], Path], wnids: list[str], order: str) -> None:
    images = open_images(write_tiny(wnids) / "val", class_order=order)
    assert (images.name, images.classes) == ("val", 3)
    assert [item.label for item in images.items] == [sorted(wnids).index(wnid) for wnid in wnids]


def test_the_whole_data_set_names_its_validation_set(write_tiny: Callable[[list[str]], Path]) -> None:
    with pytest.raises(AccuracyError, match=r"tiny is Tiny ImageNet with all of its splits; give \S*/tiny/val$"):
        open_images(write_tiny(WNIDS))


def test_missing_images_are_reported(write_tiny: Callable[[list[str]], Path]) -> None:
    root = write_tiny(WNIDS)
    (root / "val" / "images" / "val_1.JPEG").unlink()
    with pytest.raises(AccuracyError, match=r"without image: val_1"):
        open_images(root / "val")
    for path in (root / "val" / "images").iterdir():
        path.unlink()
    with pytest.raises(AccuracyError, match=r"images holds no images; unpack the archive again"):
        open_images(root / "val")
