"""What the shapes of a network's inputs and outputs say: images, batch, resolution and classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

_CHANNELS = (1, 3, 4)
"""Numbers of channels that pictures have."""


@dataclasses.dataclass(frozen=True)
class ImageAxes:
    """Which dimension of an input is what."""

    batch: int | None
    """None for a network that takes one image without a batch."""
    channels: int
    height: int
    width: int


_NCHW = ImageAxes(0, 1, 2, 3)
_NHWC = ImageAxes(0, 3, 1, 2)
_CHW = ImageAxes(None, 0, 1, 2)


def image_axes(shape: Sequence[int | str | None]) -> ImageAxes | None:
    """The dimensions of a shape that is one of images; None if it is not.

    Four dimensions are images, channels last only if that is a picture's number of channels and the second is not.
    Three are one image if the first is 3.
    """
    if len(shape) == 4:
        channels_last = shape[3] in _CHANNELS and shape[1] not in _CHANNELS
        return _NHWC if channels_last else _NCHW
    return _CHW if len(shape) == 3 and shape[0] == 3 else None


def is_picture(shape: Sequence[int | str | None]) -> bool:
    """Whether the shape is one of images with a picture's number of channels, or one that is not fixed."""
    axes = image_axes(shape)
    if axes is None:
        return False
    channels = shape[axes.channels]
    return channels in _CHANNELS or not isinstance(channels, int)


def first_image(shapes: Sequence[Sequence[int | str | None]]) -> int:
    """The position of the input that images go into: the first of that shape, or the first of all."""
    return next((index for index, shape in enumerate(shapes) if image_axes(shape)), 0)


def batch_of(shape: Sequence[int | str | None]) -> int | None:
    """The number of images, or of other things, in one inference; None if it is not fixed."""
    axes = image_axes(shape)
    if (axes is not None and axes.batch is None) or len(shape) < 2:
        return 1
    return shape[0] if isinstance(shape[0], int) else None


def resolution_of(shape: Sequence[int | str | None]) -> int | None:
    """Height and width of square images; None if the input is not one of these, or not fixed."""
    axes = image_axes(shape)
    if axes is None:
        return None
    height, width = shape[axes.height], shape[axes.width]
    return height if isinstance(height, int) and height == width else None


def classes_of(shape: Sequence[int | str | None]) -> int | None:
    """The number of classes of an output [N, classes], or [N, classes, 1, 1] in either order of dimensions.

    None for any other output, or if the number is not fixed.
    """
    if len(shape) == 4:
        shape = [shape[0], *_without_picture(shape)]
    if len(shape) != 2:
        return None
    return shape[1] if isinstance(shape[1], int) else None


def _without_picture(shape: Sequence[int | str | None]) -> Sequence[int | str | None]:
    """The dimensions after the first, without the height and width of 1 that a classifier may leave."""
    if tuple(shape[2:]) == (1, 1):
        return shape[1:2]
    return shape[3:] if tuple(shape[1:3]) == (1, 1) else shape[1:]
