"""How large a resized image is."""

from __future__ import annotations


def resized_size(width: int, height: int, shorter: int) -> tuple[int, int]:
    """Width and height once the shorter side is `shorter` pixels; the longer one is rounded down.

    torchvision's `Resize`; also pycls' `scale`, which multiplies a rounded ratio by 256, and so rounds nothing else.
    """
    if width <= height:
        return shorter, shorter * height // width
    return shorter * width // height, shorter
