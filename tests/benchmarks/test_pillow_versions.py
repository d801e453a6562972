from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import pillow_versions
from benchmarks.pillow_versions import Difference, shapes
from tests.fakes.classifiers import picture


def test_a_difference_counts_the_values_of_differing_crops_alone() -> None:
    difference = Difference()
    difference.add(np.zeros((2, 5), np.uint8), np.zeros((2, 5), np.uint8))
    difference.add(np.zeros((2, 5), np.uint8), np.array([[0, 0, 0, 0, 7], [0, 0, 0, 0, 255]], np.uint8))
    assert difference.cells() == ("1 of 2", "20.0 %", "255")
    assert Difference(crops=3).cells() == ("0 of 3", "", "")


@pytest.mark.parametrize(
    ("width", "height", "name"),
    [(40, 40, "wide or square"), (40, 41, "upright"), (40, 80, "upright"), (40, 81, "tall")],
)
def test_the_shapes_of_an_image(width: int, height: int, name: str) -> None:
    found = shapes(picture(0, width, height))
    assert {shape: pixels.shape[:2] for shape, pixels in found.items()} == {
        f"photograph, {name}": (height, width),
        "strip, upright": (height, 2 * width // 3 - width // 3),
        "strip, panorama": (2 * height // 3 - height // 3, width),
    }


def test_one_interpreter_makes_equal_crops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(picture(0, 40, 60)).save(tmp_path / "one.png")
    python = ["--python", sys.executable]
    monkeypatch.setattr(sys, "argv", ["pillow_versions.py", "--images", str(tmp_path), *python, *python])
    pillow_versions.main()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("1 images; Pillow ")
    crops = [line.split(" | ") for line in printed[4:]]
    assert {cells[0].strip("| ") for cells in crops} == {
        "decoded", "squash, bicubic", "crop_then_resize, bicubic", "resize_then_crop, bilinear",
        "resize_then_crop, bicubic",
    }  # fmt: skip
    assert all(cells[2].startswith("0 of ") for cells in crops)
