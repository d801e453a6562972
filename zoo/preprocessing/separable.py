"""Interpolation without antialiasing, one axis after the other, in float32."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

CUBIC_A = -0.75
"""The free coefficient of cubic convolution in both PyTorch and TensorFlow 1 (Keys, IEEE TASSP 29(6), 1981)."""


@dataclasses.dataclass(frozen=True, eq=False)
class Taps:
    """The taps along one axis: each output is a weighted sum of one input per tap."""

    indices: NDArray[np.intp]
    """(taps, outputs): positions in the input."""
    weights: NDArray[np.float32]
    """(taps, outputs)."""

    def apply(self, values: NDArray[Any], axis: int) -> NDArray[np.float32]:
        """The outputs along `axis`, summed in the order of the taps, each step rounded to float32.

        Args:
            values: uint8 or float32.
            axis: the axis to interpolate.
        """
        shape = [1] * values.ndim
        shape[axis] = -1
        terms = (
            np.multiply(values.take(indices, axis), weights.reshape(shape), dtype=np.float32)
            for indices, weights in zip(self.indices, self.weights, strict=True)
        )
        total: NDArray[np.float32] = next(terms)
        for term in terms:
            total += term
        return total


def interpolate(values: NDArray[Any], first: tuple[int, Taps], then: tuple[int, Taps]) -> NDArray[np.float32]:
    """Interpolates along two axes, each given with its taps; their order decides the float32 roundings.

    Along the first, only what the second reads is computed: little of a large image.
    """
    axis, taps = then
    needed, places = np.unique(taps.indices, return_inverse=True)
    looked_at = values.take(needed, axis) if needed.size < values.shape[axis] else values
    if looked_at is not values:
        taps = Taps(places.reshape(taps.indices.shape), taps.weights)
    return taps.apply(first[1].apply(looked_at, first[0]), axis)


def linear_taps(size: int, outputs: int, start: int, stop: int) -> Taps:
    """Two taps per point, as in OpenCV's `INTER_LINEAR`: pixel centres at halves, edges repeated.

    Args:
        size: input length in pixels.
        outputs: full output length in pixels.
        start: first output wanted.
        stop: one past the last output wanted.
    """
    scale = 1.0 / (outputs / size)
    position = ((np.arange(start, stop) + 0.5) * scale - 0.5).astype(np.float32)
    first = np.floor(position)
    fraction = position - first
    index = first.astype(np.intp)
    outside = (index < 0) | (index >= size - 1)
    fraction[outside] = 0
    indices = np.stack([index, index + 1]).clip(0, size - 1)
    return Taps(indices, np.stack([np.float32(1) - fraction, fraction]))


def cubic_near(distance: NDArray[Any]) -> NDArray[Any]:
    """Weight of a tap at a distance of 0 to 1 pixel."""
    weight: NDArray[Any] = ((CUBIC_A + 2) * distance - (CUBIC_A + 3)) * distance * distance + 1
    return weight


def cubic_far(distance: NDArray[Any]) -> NDArray[Any]:
    """Weight of a tap at a distance of 1 to 2 pixels."""
    weight: NDArray[Any] = ((CUBIC_A * distance - 5 * CUBIC_A) * distance + 8 * CUBIC_A) * distance - 4 * CUBIC_A
    return weight


def cubic_indices(first: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """The four inputs around each position, edges repeated: (4, outputs)."""
    return (first + np.arange(-1, 3)[:, None]).clip(0, size - 1)
