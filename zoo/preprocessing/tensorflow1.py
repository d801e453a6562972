"""The resize of EfficientNet-X: TensorFlow 1's bicubic, without antialiasing, on float32, not clipped."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from zoo.preprocessing.decoding import Decoded
from zoo.preprocessing.errors import UnreadableImageError
from zoo.preprocessing.separable import Taps, cubic_far, cubic_indices, cubic_near, interpolate

_TABLE_SIZE = 1024
"""TensorFlow looks up weights by the position's fraction in 1/1024 (core/kernels/image/resize_bicubic_op.cc)."""


def crop_then_resize(decoded: Decoded, crop_fraction: float, crop_px: int) -> NDArray[np.float32]:
    """The centre square of `crop_fraction` of the shorter side, rounded down, resized to `crop_px`; may exceed 0..255.

    Raises:
        UnreadableImageError: the image is so small that the crop is empty.
    """
    width, height = decoded.width_px, decoded.height_px
    side = int(np.float32(crop_fraction) * np.float32(min(width, height)))
    if not side:
        raise UnreadableImageError(f"the crop of {crop_fraction:.3f} of {width} x {height} pixels is empty")
    left, top = (width - side + 1) // 2, (height - side + 1) // 2
    taps = _taps(side, crop_px)
    return interpolate(decoded.pixels[top : top + side, left : left + side], first=(0, taps), then=(1, taps))


def _taps(size: int, outputs: int) -> Taps:
    """Four taps per point, with neither aligned corners nor centres at halves: `resize_bicubic` with its defaults."""
    scale = np.float32(size) / np.float32(outputs)
    position = np.arange(outputs, dtype=np.float32) * scale
    first = np.floor(position)
    offset = np.rint((position - first) * np.float32(_TABLE_SIZE)).astype(np.intp)
    near, far = _tables()
    mirrored = _TABLE_SIZE - offset
    weights = np.stack([far[offset], near[offset], near[mirrored], far[mirrored]])
    return Taps(cubic_indices(first.astype(np.intp), size), weights)


@functools.cache
def _tables() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights of a near and a far tap by the fraction of a pixel in 1/1024."""
    fraction = np.arange(_TABLE_SIZE + 1) / _TABLE_SIZE
    return cubic_near(fraction).astype(np.float32), cubic_far(fraction + 1).astype(np.float32)
