"""Images of odd sizes and kinds, made from a seed."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zoo.preprocessing import Decoded


@pytest.fixture(scope="session")
def picture() -> Callable[[int, int], Decoded]:
    """A picture of the given width and height: coloured squares under noise, with black and white in it."""

    @functools.cache
    def paint(width: int, height: int) -> Decoded:
        rng = np.random.default_rng(width * 10_007 + height)
        squares = rng.integers(-40, 296, (height // 16 + 1, width // 16 + 1, 3), np.int16)
        noise = rng.integers(-30, 31, (height, width, 3), np.int8)
        pixels = squares.repeat(16, 0).repeat(16, 1)[:height, :width] + noise
        return Decoded(pixels.clip(0, 255).astype(np.uint8))

    return paint


@pytest.fixture(scope="session")
def encoded(picture: Callable[[int, int], Decoded]) -> dict[str, bytes]:
    """Files of many kinds, each a picture of 90 x 60 unless its name says otherwise."""

    def save(image: Image.Image, kind: str, **options: Any) -> bytes:
        file = io.BytesIO()
        image.save(file, kind, **options)
        return file.getvalue()

    colour = picture(90, 60).image
    grey, palette = colour.convert("L"), colour.quantize(64)
    see_through = colour.copy()
    see_through.putalpha(grey)
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = Image.fromarray((np.arange(90 * 60, dtype=np.uint16) * 12).reshape(60, 90))
    return {
        "1 x 1": save(picture(1, 1).image, "PNG"),
        "3 x 5": save(picture(3, 5).image, "JPEG"),
        "4000 x 3000": save(picture(4000, 3000).image, "JPEG"),
        "20 to 1": save(picture(1600, 80).image, "JPEG"),
        "JPEG": save(colour, "JPEG"),
        "JPEG, chroma whole": save(colour, "JPEG", subsampling=0),
        "JPEG, chroma in quarters": save(colour, "JPEG", subsampling=2),
        "JPEG, progressive": save(colour, "JPEG", progressive=True),
        "JPEG, grey": save(grey, "JPEG"),
        "JPEG, CMYK": save(colour.convert("CMYK"), "JPEG"),
        "JPEG, turned by EXIF": save(colour, "JPEG", exif=exif),
        "PNG": save(colour, "PNG"),
        "PNG, grey": save(grey, "PNG"),
        "PNG, 16 bits grey": save(wide, "PNG"),
        "PNG, black and white": save(grey.convert("1"), "PNG"),
        "PNG, palette": save(palette, "PNG"),
        "PNG, palette and transparency": save(palette, "PNG", transparency=bytes(range(64))),
        "PNG, alpha": save(see_through, "PNG"),
        "PNG, grey and alpha": save(see_through.convert("LA"), "PNG"),
        "GIF": save(palette, "GIF"),
        "BMP": save(colour, "BMP"),
        "WEBP": save(colour, "WEBP"),
        "TIFF": save(colour, "TIFF"),
        "PPM": save(colour, "PPM"),
    }
