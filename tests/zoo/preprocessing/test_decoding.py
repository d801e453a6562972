from __future__ import annotations

import contextlib
import io
import random
import sys

import numpy as np
import pytest
from PIL import Image

from zoo.errors import MissingPackageError
from zoo.preprocessing import Decoded, UnreadableImageError, decode

KINDS = [
    *("1 x 1", "3 x 5", "4000 x 3000", "20 to 1", "JPEG", "JPEG, chroma whole", "JPEG, chroma in quarters"),
    *("JPEG, progressive", "JPEG, grey", "JPEG, CMYK", "JPEG, turned by EXIF", "PNG", "PNG, grey", "PNG, 16 bits grey"),
    *("PNG, black and white", "PNG, palette", "PNG, palette and transparency", "PNG, alpha", "PNG, grey and alpha"),
    *("GIF", "BMP", "WEBP", "TIFF", "PPM"),
]


def test_every_kind_is_tested(encoded):
    assert sorted(encoded) == sorted(KINDS)


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_those_of_torchvisions_loader(kind, encoded, tmp_path):
    """Under the name of a JPEG, because some of ImageNet's files are of other kinds."""
    folder = pytest.importorskip("torchvision.datasets.folder")
    path = tmp_path / "a.JPEG"
    path.write_bytes(encoded[kind])
    decoded = decode(encoded[kind])
    np.testing.assert_array_equal(decoded.pixels, np.asarray(folder.pil_loader(path)))
    assert decoded.pixels.shape == (decoded.height_px, decoded.width_px, 3)


def test_the_orientation_of_exif_is_not_applied(encoded):
    np.testing.assert_array_equal(decode(encoded["JPEG, turned by EXIF"]).pixels, decode(encoded["JPEG"]).pixels)


def test_transparency_is_dropped_not_blended(encoded):
    np.testing.assert_array_equal(decode(encoded["PNG, alpha"]).pixels, decode(encoded["PNG"]).pixels)


def test_the_image_and_the_pixels_are_the_same(encoded):
    decoded = decode(encoded["JPEG"])
    np.testing.assert_array_equal(np.asarray(decoded.image), decoded.pixels)
    assert decoded.image is decoded.image


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not an image in any known format"),
        (b"no image at all", r"not an image in any known format \(JPEG, PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image in any known format"),
    ],
)
def test_what_is_not_an_image_is_reported(data, reason):
    with pytest.raises(UnreadableImageError, match=reason):
        decode(data)


@pytest.mark.parametrize("kind", ["JPEG", "JPEG, progressive", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM"])
def test_a_truncated_file_is_unreadable_not_half_an_image(kind, encoded):
    with pytest.raises(UnreadableImageError, match=r"\w"):
        decode(encoded[kind][: len(encoded[kind]) // 2])


def test_a_decompression_bomb_is_refused(encoded, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 90 * 60 // 2 - 1)
    with pytest.raises(UnreadableImageError, match=r"too many pixels: .*5400 pixels"):
        decode(encoded["PNG"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("4000 x 3000", "20 to 1")])
def test_a_damaged_file_decodes_or_is_unreadable(kind, encoded):
    """No other error leaves the readers, whatever bytes are changed."""
    rng = random.Random(0)
    for _ in range(60):
        damaged = bytearray(encoded[kind])
        for _ in range(rng.randint(1, 6)):
            damaged[min(int(rng.expovariate(1 / 60)), len(damaged) - 1)] = rng.randrange(256)
        with contextlib.suppress(UnreadableImageError):
            assert decode(bytes(damaged)).pixels.shape[2] == 3


def test_without_pillow_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(MissingPackageError, match=r"baseline-zoo\[images\]"):
        decode(b"")


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_pixels_of_another_shape_are_a_mistake(pixels):
    with pytest.raises(ValueError, match=r"pixels must be uint8 \(H, W, 3\)"):
        Decoded(pixels)


def test_the_first_frame_of_an_animation_is_taken(picture):
    file = io.BytesIO()
    frames = [picture(40, 30).image, picture(30, 40).image.resize((40, 30))]
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode(file.getvalue()).pixels, picture(40, 30).pixels)
