"""EfficientNet-X: what TensorFlow's own operators make of an image."""

from __future__ import annotations

import numpy as np
import pytest

import zoo
from zoo.preprocessing import UnreadableImageError, decode, pipeline

NAMES = ["efficientnet-x-b0", "efficientnet-x-tpu-b3", "efficientnet-x-gpu-b7"]
SIZES = [(3, 5), (500, 375), (333, 500), (224, 224), (256, 320), (257, 255), (1600, 80), (80, 1600), (4000, 3000)]


@pytest.fixture(scope="module")
def tensorflow():
    return pytest.importorskip("tensorflow")


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_the_input_is_tensorflows_bit_by_bit(name, size, tensorflow, picture):
    card, decoded = zoo.card(f"efficientnet_x/{name}"), picture(*size)
    constants = [
        tensorflow.constant(np.asarray(values) * 255, tensorflow.float32)
        for values in (card.preprocessing.mean, card.preprocessing.std)
    ]
    # The release's fraction is a Python float that meets a float32 tensor.
    padding = round(card.resolution * (1 / 0.875 - 1))
    shorter = tensorflow.cast(min(size), tensorflow.float32)
    side = int(tensorflow.cast(card.resolution / (card.resolution + padding) * shorter, tensorflow.int32))
    left, top = ((length - side + 1) // 2 for length in size)
    crop = tensorflow.constant(decoded.pixels[top : top + side, left : left + side])
    resized = tensorflow.compat.v1.image.resize_bicubic([crop], [card.resolution, card.resolution])[0]
    steps = pipeline(card.preprocessing, card.resolution)
    found = steps.resampled(decoded)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, resized.numpy())
    expected = ((resized - constants[0]) / constants[1]).numpy()
    np.testing.assert_array_equal(steps.normalised(found), expected.transpose(2, 0, 1))


def test_the_resize_overshoots_and_is_not_clipped(picture):
    card = zoo.card(f"efficientnet_x/{NAMES[0]}")
    found = pipeline(card.preprocessing, card.resolution).resampled(picture(500, 375))
    assert found.min() < 0
    assert found.max() > 255


def test_a_single_pixel_leaves_nothing_to_crop(picture):
    card = zoo.card(f"efficientnet_x/{NAMES[0]}")
    with pytest.raises(UnreadableImageError, match=r"the crop of 0.875 of 1 x 1 pixels is empty"):
        pipeline(card.preprocessing, card.resolution).resampled(picture(1, 1))


@pytest.mark.parametrize("kind", ["JPEG", "JPEG, chroma in quarters", "JPEG, grey", "20 to 1"])
def test_tensorflow_decodes_jpegs_to_nearly_the_same_pixels(kind, encoded, tensorflow):
    """By default it uses a faster, less exact inverse transform; with the exact one the pixels are the same."""
    ours = decode(encoded[kind]).pixels.astype(int)
    default = tensorflow.io.decode_jpeg(encoded[kind], channels=3).numpy()
    exact = tensorflow.io.decode_jpeg(encoded[kind], channels=3, dct_method="INTEGER_ACCURATE").numpy()
    np.testing.assert_array_equal(ours, exact)
    assert 0 < np.abs(ours - default).max() <= 24


@pytest.mark.parametrize("kind", ["JPEG, chroma whole", "JPEG, chroma in quarters"])
def test_tensorflow_decodes_a_crop_as_it_decodes_the_whole_except_for_the_edge(kind, encoded, tensorflow):
    """The release decodes the crop only; halved chroma is interpolated from pixels that are then missing."""
    exact = {"channels": 3, "dct_method": "INTEGER_ACCURATE"}
    whole = decode(encoded[kind]).pixels[4:56, 19:72]
    part = tensorflow.io.decode_and_crop_jpeg(encoded[kind], [4, 19, 52, 53], **exact).numpy()
    np.testing.assert_array_equal(whole[:, :-1], part[:, :-1])
    assert np.array_equal(whole, part) == (kind == "JPEG, chroma whole")
