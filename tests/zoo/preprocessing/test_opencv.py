"""RegNet: what pycls makes of an image."""

from __future__ import annotations

import numpy as np
import pytest

import zoo
from zoo.preprocessing import decode, pipeline
from zoo.preprocessing.sizes import resized_size

CARD = zoo.card("RegNetX-200MF")
SIZES = [(1, 1), (3, 5), (500, 375), (333, 500), (224, 224), (256, 256), (256, 320), (512, 512), (1600, 80), (80, 1600)]


@pytest.fixture
def prepared():
    """pycls' own evaluation of an image, which it reads as BGR."""
    pytest.importorskip("pycls")
    from pycls.core.config import cfg
    from pycls.datasets.imagenet import ImageNet

    cfg.TEST.IM_SIZE, cfg.TRAIN.IM_SIZE = 256, 224
    data = ImageNet.__new__(ImageNet)
    data._split = "val"

    def prepare(decoded):
        return data._prepare_im(np.ascontiguousarray(decoded.pixels[..., ::-1]).astype(np.float32))

    return prepare


@pytest.fixture(params=[False, True], ids=["plain", "optimised"])
def optimised(request):
    """Whether OpenCV may use Intel's library and the processor's instructions."""
    cv2 = pytest.importorskip("cv2")
    before = cv2.useOptimized()
    cv2.setUseOptimized(request.param)
    yield request.param
    cv2.setUseOptimized(before)


@pytest.mark.parametrize("size", [*SIZES, (4000, 3000)], ids=str)
def test_the_input_is_that_of_pycls(size, prepared, optimised, picture):
    """Bit for bit if OpenCV runs its own code; 5e-4 is 0.03 of 255 levels."""
    decoded = picture(*size)
    steps = pipeline(CARD.preprocessing, CARD.resolution)
    crop = steps.resampled(decoded)
    assert (crop.shape, crop.dtype) == ((224, 224, 3), np.float32)
    found, expected = steps.normalised(crop), prepared(decoded)
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-4 if optimised else 0)


def test_an_image_of_the_right_size_is_cropped_and_no_more(prepared, picture):
    decoded = picture(256, 256)
    steps = pipeline(CARD.preprocessing, CARD.resolution)
    np.testing.assert_array_equal(steps.normalised(steps.resampled(decoded)), prepared(decoded))


def test_the_longer_side_is_rounded_as_pycls_rounds_it():
    scale = pytest.importorskip("pycls.datasets.transforms").scale
    rng = np.random.default_rng(0)
    for width, height in rng.integers(200, 700, (300, 2)).tolist():
        pixels = np.zeros((height, width, 1), np.float32)
        assert resized_size(width, height, 256) == scale(256, pixels).shape[1::-1]


@pytest.mark.parametrize(
    "kind", ["JPEG", "JPEG, chroma whole", "JPEG, grey", "JPEG, progressive", "PNG", "PNG, palette"]
)
def test_opencv_decodes_the_same_pixels(kind, encoded):
    """What docs/preprocessing.md says about the one decode; the differences it names are tested below."""
    cv2 = pytest.importorskip("cv2")
    found = cv2.imdecode(np.frombuffer(encoded[kind], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(decode(encoded[kind]).pixels, found)


def test_opencv_applies_the_orientation_of_exif(encoded):
    cv2 = pytest.importorskip("cv2")
    data = encoded["JPEG, turned by EXIF"]
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(np.rot90(decode(data).pixels, -1), found)
