"""The resize of pycls, which uses OpenCV: bilinear without antialiasing, on float32."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from zoo.preprocessing.decoding import Decoded
from zoo.preprocessing.separable import interpolate, linear_taps
from zoo.preprocessing.sizes import resized_size


def resize_then_crop(decoded: Decoded, resize_px: int, crop_px: int) -> NDArray[np.float32]:
    """Resizes the shorter side to `resize_px`, then crops the centre; only the centre is computed.

    pycls (0.1.1: `scale`, `center_crop`) passes float32 pixels of 0..255 to `cv2.resize` with `INTER_LINEAR`. The
    result equals that of OpenCV's own code bit for bit; Intel's library, which OpenCV uses on some processors, differs
    by up to 0.02 of 255.
    """
    width, height = resized_size(decoded.width_px, decoded.height_px, resize_px)
    left, top = (math.ceil((length - crop_px) / 2) for length in (width, height))
    columns = linear_taps(decoded.width_px, width, left, left + crop_px)
    rows = linear_taps(decoded.height_px, height, top, top + crop_px)
    return interpolate(decoded.pixels, first=(1, columns), then=(0, rows))
