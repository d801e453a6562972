"""Generated images in class folders, and tiny classifiers of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.fakes.classifiers import CLASSES, RESOLUTION, classifier, picture


@pytest.fixture
def make_images(tmp_path: Path) -> Callable[..., Path]:
    """Writes class folders of PNG files of different sizes, and returns their folder."""

    def make(name: str = "images", classes: int = CLASSES, per_class: int = 6) -> Path:
        root = tmp_path / name
        for label in range(classes):
            folder = root / f"class{label:02d}"
            folder.mkdir(parents=True)
            for number in range(per_class):
                seed = 100 * label + number
                pixels = picture(seed, 17 + seed % 13, 18 + seed % 7)
                Image.fromarray(pixels).save(folder / f"{label:02d}_{number:03d}.png")
        return root

    return make


@pytest.fixture
def write_classifier(tmp_path: Path) -> Callable[..., Path]:
    """Writes a classifier and returns its file."""

    def write(
        name: str = "net.onnx",
        *,
        classes: int = CLASSES,
        batch: int = 1,
        resolution: int = RESOLUTION,
        seed: int = 0,
        scale: float = 1.0,
    ) -> Path:
        path = tmp_path / name
        path.write_bytes(classifier(classes, batch, resolution, seed, scale).SerializeToString())
        return path

    return write
