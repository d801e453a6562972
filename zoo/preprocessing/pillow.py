"""The resizes of releases that use Pillow: antialiased, on uint8."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zoo.preprocessing.decoding import Decoded, pillow_image
from zoo.preprocessing.errors import UnreadableImageError
from zoo.preprocessing.sizes import resized_size

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_PX = 178_956_970
"""Most pixels that a resized image may have: Pillow's limit on what it decodes."""


def resize_then_crop(decoded: Decoded, resize_px: int, crop_px: int, interpolation: str) -> NDArray[np.uint8]:
    """torchvision's `Resize(resize_px)` and `CenterCrop(crop_px)`, which timm uses too.

    Raises:
        UnreadableImageError: the image is so narrow that the resized one has more than `LARGEST_PX`.
    """
    width, height = resized_size(decoded.width_px, decoded.height_px, resize_px)
    if width * height > LARGEST_PX:
        raise UnreadableImageError(
            f"{decoded.width_px} x {decoded.height_px} pixels would be resized to {width} x {height}, which is too many"
        )
    resized = decoded.image.resize((width, height), _method(interpolation))
    # Python's round, as in torchvision: halves go to the even number.
    left, top = round((width - crop_px) / 2), round((height - crop_px) / 2)
    return _pixels(resized.crop((left, top, left + crop_px, top + crop_px)))


def crop_then_resize(decoded: Decoded, crop_fraction: float, crop_px: int, interpolation: str) -> NDArray[np.uint8]:
    """ResNeSt's `ECenterCrop`: the crop's side is fractional, and its edges are rounded individually."""
    side = crop_fraction * min(decoded.width_px, decoded.height_px)
    left, top = (round((length - side) / 2) for length in (decoded.width_px, decoded.height_px))
    cropped = decoded.image.crop((left, top, round(left + side), round(top + side)))
    return _pixels(cropped.resize((crop_px, crop_px), _method(interpolation)))


def squash(decoded: Decoded, resize_px: int, crop_px: int, interpolation: str) -> NDArray[np.uint8]:
    """Both sides to `resize_px`, whatever the aspect ratio, then the centre: timm's crop mode `squash`."""
    resized = decoded.image.resize((resize_px, resize_px), _method(interpolation))
    first = round((resize_px - crop_px) / 2)
    return _pixels(resized.crop((first, first, first + crop_px, first + crop_px)))


def _method(interpolation: str) -> int:
    """Pillow's number for `bilinear` or `bicubic`."""
    methods = pillow_image().Resampling
    return int(methods.BICUBIC if interpolation == "bicubic" else methods.BILINEAR)


def _pixels(image: Image) -> NDArray[np.uint8]:
    return np.asarray(image)
