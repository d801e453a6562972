"""AlphaNet's resize of the normalised crop to the subnet's resolution."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from zoo.preprocessing.separable import Taps, cubic_far, cubic_indices, cubic_near, interpolate


def bicubic(image: NDArray[np.float32], side_px: int) -> NDArray[np.float32]:
    """`torch.nn.functional.interpolate(mode="bicubic")`: centres at halves, no antialiasing, not clipped.

    Args:
        image: float32 (3, H, W).
        side_px: height and width of the result.
    """
    rows, columns = (_taps(length, side_px) for length in image.shape[1:])
    return interpolate(image, first=(2, columns), then=(1, rows))


@functools.cache
def _taps(size: int, outputs: int) -> Taps:
    scale = np.float32(size) / np.float32(outputs)
    # PyTorch multiplies and subtracts in one rounding; with two, the difference at 288 pixels is ten times as large.
    position = (np.float64(scale) * (np.arange(outputs) + 0.5) - 0.5).astype(np.float32)
    first = np.floor(position)
    fraction = position - first
    rest = np.float32(1) - fraction
    weights = [cubic_far(fraction + 1), cubic_near(fraction), cubic_near(rest), cubic_far(rest + 1)]
    return Taps(cubic_indices(first.astype(np.intp), size), np.stack(weights).astype(np.float32))
