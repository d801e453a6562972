"""The size of a resized image."""

from __future__ import annotations


def resized_size(width: int, height: int, shorter: int) -> tuple[int, int]:
    """Width and height once the shorter side is `shorter` pixels; the longer one is rounded down.

    As in torchvision's `Resize`; also as in pycls' `scale`, whose factor of 256 on a rounded ratio adds no rounding.
    """
    if width <= height:
        return shorter, shorter * height // width
    return shorter * width // height, shorter
