from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
from PIL import Image

import zoo
from converters.calibration import Calibration
from converters.errors import ConversionError
from zoo.errors import MissingPackageError
from zoo.own import card
from zoo.preprocessing import PreprocessingError, decode, pipeline

PREPROCESSING = dataclasses.replace(card("any").preprocessing, crop_px=8, resize_px=8)


def save(path, width, height, value=None):
    """An image whose red rises from left to right, and green from top to bottom."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width).round()
    pixels[..., 1] = np.linspace(0, 255, height).round()[:, None]
    if value is not None:
        pixels[:] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def test_generated_images_are_the_same_every_time_and_say_so():
    generated = Calibration.of(None)
    first, again = (np.stack(list(generated.inputs(32, PREPROCESSING))) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (16, 3, 32, 32)
    assert first.dtype == np.float32
    assert "16 generated images" in generated.warning
    assert generated.facts() == {"kind": "generated", "images": "dead leaves", "count": 16, "seed": 1}


def test_a_folder_gives_its_images_and_those_of_its_subfolders(tmp_path):
    for name in ("b.png", "sub/a.jpeg", "C.JPG"):
        save(tmp_path / name, 8, 8)
    (tmp_path / "notes.txt").write_text("no image")
    given = Calibration.of(tmp_path)
    assert sorted(path.name for path in given.files) == ["C.JPG", "a.jpeg", "b.png"]
    assert given.warning == ""
    assert (given.facts()["kind"], given.facts()["count"]) == ("given", 3)


def test_the_digest_is_of_the_images_not_of_their_place(tmp_path):
    for folder in ("here", "there"):
        save(tmp_path / folder / "a.png", 8, 8)
    here, there = (Calibration.of(tmp_path / folder) for folder in ("here", "there"))
    assert here.facts() == there.facts()
    save(tmp_path / "there" / "a.png", 8, 8, value=7)
    assert here.facts() != there.facts()


def test_many_images_are_sampled_with_a_fixed_seed(tmp_path):
    for index in range(9):
        save(tmp_path / f"{index}.png", 8, 8)
    drawn = [Calibration.of(tmp_path, 3).files for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 3


def test_128_images_are_used_unless_another_number_is_asked_for(tmp_path):
    for index in range(130):
        (tmp_path / f"{index:03d}.png").write_bytes(b"")
    assert Calibration.of(tmp_path).count == 128
    assert Calibration.of(tmp_path, 129).count == 129


def test_a_part_is_spread_over_the_folders(tmp_path):
    """The images of one class alone would say little."""
    for index in range(9):
        save(tmp_path / f"class{index // 3}" / f"{index}.png", 8, 8)
    given = Calibration.of(tmp_path)
    assert [path.name for path in given.spread(3).files] == ["0.png", "3.png", "6.png"]
    assert given.spread(9) is given
    assert Calibration().spread(3) == Calibration()


def test_a_folder_without_images_is_an_error(tmp_path):
    with pytest.raises(ConversionError, match=r"holds no images \(.bmp, .jpeg"):
        Calibration.of(tmp_path)


def test_a_file_that_is_not_an_image_is_an_error(tmp_path):
    path = tmp_path / "images" / "cut.png"
    save(path, 64, 64)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ConversionError, match=r"cut.png is not a readable image \(.+\); remove it from the folder"):
        list(Calibration.of(path.parent).inputs(8, PREPROCESSING))


def test_without_pillow_the_message_says_how_to_install_it(tmp_path, monkeypatch):
    save(tmp_path / "a.png", 8, 8)
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(MissingPackageError, match=r"baseline-zoo\[images\]"):
        list(Calibration.of(tmp_path).inputs(8, PREPROCESSING))


RULES = {
    # The columns and rows that are used of 400 x 200 pixels.
    "resize_then_crop": ({"resize_px": 100, "crop_px": 50}, (0.375, 0.625), (0.25, 0.75)),
    "crop_then_resize": ({"crop_fraction": 0.5, "crop_px": 50}, (0.375, 0.625), (0.25, 0.75)),
    "squash": ({"crop_px": 50}, (0.0, 1.0), (0.0, 1.0)),
    # The centre square of images that do not have the data set's size.
    "none": ({"crop_px": 50, "interpolation": "", "library": ""}, (0.25, 0.75), (0.0, 1.0)),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_cards_rule_decides_what_is_seen(tmp_path, rule):
    changes, columns, rows = RULES[rule]
    plain = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "resize_px": None}
    preprocessing = dataclasses.replace(PREPROCESSING, rule=rule, **{**plain, **changes})
    save(tmp_path / "a.png", 400, 200)
    (image,) = Calibration.of(tmp_path).inputs(50, preprocessing)
    assert image.shape == (3, 50, 50)
    assert (image[0, 25, 0], image[0, 25, -1]) == pytest.approx(columns, abs=0.02)
    assert (image[1, 0, 25], image[1, -1, 25]) == pytest.approx(rows, abs=0.02)


def test_images_of_the_data_sets_size_are_taken_as_they_are(tmp_path):
    lanet = zoo.card("lanet/LaNet_CIFAR10_128")
    save(tmp_path / "a.png", 32, 32)
    (image,) = Calibration.of(tmp_path).inputs(32, lanet.preprocessing)
    steps = pipeline(lanet.preprocessing, 32)
    np.testing.assert_array_equal(image, steps.normalised(steps.resampled(decode((tmp_path / "a.png").read_bytes()))))


def test_a_network_of_another_resolution_than_its_preprocessing_is_refused(tmp_path):
    save(tmp_path / "a.png", 100, 100)
    with pytest.raises(PreprocessingError, match="the crop has 8 px, the network takes 24 px"):
        list(Calibration.of(tmp_path).inputs(24, PREPROCESSING))


def test_the_cards_channels_and_statistics_are_applied(tmp_path):
    save(tmp_path / "a.png", 8, 8, value=(255, 0, 51))
    bgr = dataclasses.replace(PREPROCESSING, channel_order="BGR", mean=(0.1, 0.0, 0.5), std=(1.0, 1.0, 0.5))
    (image,) = Calibration.of(tmp_path).inputs(8, bgr)
    assert image[:, 0, 0] == pytest.approx((0.1, 0.0, 1.0))
