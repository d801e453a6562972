"""Training images to recalibrate on: drawn and augmented the same each time."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo.errors import WeightsError
from zoo.training_images import TrainingImages, _augmentation

PREPROCESSING = zoo.card("alphanet/a0").preprocessing


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Nine images of several sizes and modes, in folders of two classes, and a text file among them."""
    root = tmp_path_factory.mktemp("train")
    rng = np.random.default_rng(0)
    for index in range(9):
        path = root / ("n01" if index % 2 else "n02") / f"{index}.JPEG"
        path.parent.mkdir(exist_ok=True)
        pixels = rng.integers(0, 256, (180 + 40 * index, 300, 3), np.uint8)
        image = Image.fromarray(pixels)
        (image.convert("L") if index == 4 else image).save(path, "JPEG")
    (root / "n01" / "readme.txt").write_text("no image")
    return root


def test_batches_are_whole_and_drawn_by_the_seed(folder):
    images = TrainingImages.of(folder, batches=2, batch_size=4)
    assert (images.batches_count, images.batch_size, len(images.files)) == (2, 4, 8)
    assert len(set(images.files)) == 8
    assert images == TrainingImages.of(folder, batches=2, batch_size=4)
    assert images.files != TrainingImages.of(folder, batches=2, batch_size=4, seed=6).files


@pytest.mark.parametrize(
    ("batches", "batch_size", "expected"), [(64, 256, (1, 9)), (64, 4, (2, 4)), (1, 4, (1, 4)), (3, 3, (3, 3))]
)
def test_fewer_images_make_fewer_or_smaller_batches(batches, batch_size, expected, folder):
    images = TrainingImages.of(folder, batches=batches, batch_size=batch_size)
    assert (images.batches_count, images.batch_size) == expected


def test_the_same_images_give_the_same_numbers_and_leave_the_generators_alone(folder):
    images = TrainingImages.of(folder, batches=2, batch_size=4)
    random.seed(1)
    torch.manual_seed(1)
    first = list(images.batches(PREPROCESSING))
    after = random.random(), torch.rand(1).item()
    random.seed(1)
    torch.manual_seed(1)
    assert (random.random(), torch.rand(1).item()) == after
    second = list(images.batches(PREPROCESSING))
    assert [batch.shape for batch in first] == [(4, 3, 224, 224)] * 2
    assert all(batch.dtype == np.float32 for batch in first)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_numbers_are_normalised_pixels(folder):
    (batch,) = TrainingImages.of(folder, batches=1, batch_size=4).batches(PREPROCESSING)
    mean = np.array(PREPROCESSING.mean, np.float32)[:, None, None]
    std = np.array(PREPROCESSING.std, np.float32)[:, None, None]
    pixels = (batch * std + mean) * 255
    np.testing.assert_allclose(pixels, pixels.round(), atol=1e-3)
    assert pixels.min() >= -1e-3
    assert pixels.max() <= 255 + 1e-3


def test_images_are_augmented(folder):
    """The same file in two batches is two images."""
    (path, *_) = TrainingImages.of(folder).files
    first, second = TrainingImages((path, path), batch_size=1).batches(PREPROCESSING)
    assert not np.array_equal(first, second)


def test_the_facts_follow_the_contents(folder, tmp_path):
    images = TrainingImages.of(folder, batches=2, batch_size=4)
    facts = images.facts()
    assert (facts["images_count"], facts["batches"], facts["batch_size"], facts["seed"]) == (8, 2, 4, 5)
    assert len(facts["images_sha256"]) == 64
    assert {"pillow", "timm", "torchvision"} <= facts["packages"].keys()
    copies = []
    for index, path in enumerate(images.files):
        copies.append(tmp_path / f"{index}.jpg")
        copies[-1].write_bytes(path.read_bytes())
    assert TrainingImages(tuple(copies), 4).facts() == facts
    assert TrainingImages((copies[1], *copies[1:]), 4).facts() != facts


def test_a_folder_without_images_is_reported(tmp_path):
    with pytest.raises(WeightsError, match=r"holds no images .*to recalibrate on"):
        TrainingImages.of(tmp_path)


def changed_png():
    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, "png")
    return file.getvalue().replace(b"IDAT", b"IXAT")


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xe0 cut",
        changed_png(),
        # Pillow would have Ghostscript run it.
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
        # A picture of 10 gigapixels.
        b"BM" + bytes(8) + b"\x36\0\0\0\x28\0\0\0" + b"\xa0\x86\1\0" * 2 + b"\1\0\x18\0" + bytes(24),
    ],
    ids=["cut", "damaged", "eps", "bomb"],
)
def test_an_unreadable_image_is_named(data, tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"broken\.jpg is not a readable image .*remove it"):
        list(TrainingImages.of(tmp_path).batches(PREPROCESSING))


def test_a_released_supernet_is_recalibrated_on_a_folder(folder, supernet_file):
    first, second = (zoo.load("alphanet/a0", supernet_file, calibration_images=folder) for _ in range(2))
    assert not first.needs_recalibration
    assert first.recalibrated["images_count"] == 9
    assert first.recalibrated == second.recalibrated
    assert first.weights_sha256() == second.weights_sha256()
    assert first.weights_sha256() != zoo.load("alphanet/a0", supernet_file).weights_sha256()


def test_the_probe_needs_no_images(folder):
    model = zoo.load("alphanet/a0", calibration_images=folder)
    assert model.recalibrated is None
    assert model.weights_sha256() == zoo.load("alphanet/a0").weights_sha256()


def test_the_augmentation_is_the_releases_variant():
    """Facts of AttentiveNAS data/auto_augment_tf.py, that differ from timm's own v0."""
    crop, flip, automatic = _augmentation().transforms
    assert (crop.size, crop.scale, crop.interpolation.value) == ((224, 224), (0.08, 1.0), "bicubic")
    assert flip.p == 0.5
    steps = [step for pair in automatic.policy for step in pair]
    assert len(automatic.policy) == 25
    assert {step.magnitude_std for step in steps} == {0.5}
    assert {step.kwargs["fillcolor"] for step in steps} == {(124, 116, 104)}
    assert {len(step.kwargs["resample"]) for step in steps} == {3}
    posterising = [step for step in steps if step.name.startswith("Posterize")]
    assert {step.name for step in posterising} == {"PosterizeOriginal"}
    assert {step.level_fn(0, {})[0] for step in posterising} == {4}
    assert {step.level_fn(10, {})[0] for step in posterising} == {8}
