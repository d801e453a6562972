"""What a host says of itself."""

from __future__ import annotations

import shutil
from pathlib import Path

from PIL import Image

from harness.accuracy.request import AccuracyRequest
from harness.hosts.host import facts_here
from tests.fakes.classifiers import picture


def images_in(folder: Path) -> Path:
    for label in range(2):
        (folder / f"class{label}").mkdir(parents=True)
        for number in range(5):
            Image.fromarray(picture(10 * label + number, 20, 18)).save(
                folder / f"class{label}" / f"{label}_{number}.png"
            )
    return folder


def test_images_are_the_same_if_names_labels_sizes_and_contents_are(tmp_path: Path) -> None:
    here = images_in(tmp_path / "here")
    facts = facts_here(AccuracyRequest(here))
    assert facts.images_count == 10
    there = shutil.copytree(here, tmp_path / "elsewhere" / "here")
    assert facts_here(AccuracyRequest(there)).images == facts.images
    file = there / "class1" / "1_3.png"
    data = bytearray(file.read_bytes())
    data[-20] ^= 1
    file.write_bytes(data)
    assert facts_here(AccuracyRequest(there)).images != facts.images


def test_an_image_that_cannot_be_read_is_a_content_too(tmp_path: Path) -> None:
    here = images_in(tmp_path / "here")
    before = facts_here(AccuracyRequest(here)).images
    file = here / "class0" / "0_0.png"
    file.unlink()
    file.symlink_to("nowhere.png")
    facts = facts_here(AccuracyRequest(here))
    assert (facts.fault, facts.images_count) == ("", 10)
    assert facts.images != before


def test_images_that_are_missing_are_a_fault(tmp_path: Path) -> None:
    assert "nowhere does not exist" in facts_here(AccuracyRequest(tmp_path / "nowhere")).fault
