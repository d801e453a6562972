"""Seeded images with the statistics of photographs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_DISCS = 400
_SMALLEST_RADIUS = 0.01
_LARGEST_RADIUS = 0.5


def _radii(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Radii with density r^-3, as a share of the image's side: the scale-invariant distribution."""
    low, high = _SMALLEST_RADIUS**-2, _LARGEST_RADIUS**-2
    return np.asarray((low + rng.random(count) * (high - low)) ** -0.5)


def pixel_noise(resolution: int, count: int, seed: int = 0) -> NDArray[np.float32]:
    """Images of independent pixels.

    Returns:
        float32 (count, 3, resolution, resolution), uniform in 0..1.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    return rng.random((count, 3, resolution, resolution), np.float32)


def dead_leaves(resolution: int, count: int, seed: int = 0) -> NDArray[np.float32]:
    """Images of shaded discs that occlude one another.

    The dead leaves model with disc radii of density r^-3 has the edges, occlusions, flat regions and
    1/f^2 power spectrum of photographs (Lee, Mumford, Huang, "Occlusion models for natural images",
    IJCV 2001), which white noise lacks.

    Returns:
        float32 (count, 3, resolution, resolution), RGB in 0..1.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    axis = (np.arange(resolution) + 0.5) / resolution
    result = np.empty((count, 3, resolution, resolution), np.float32)
    for image in result:
        image[:] = rng.random((3, 1, 1))
        for radius in _radii(rng, _DISCS):
            x, y = rng.random(2)
            colour, shade = rng.random(3), rng.uniform(-0.4, 0.4, 2)
            columns = slice(*np.searchsorted(axis, (x - radius, x + radius)))
            rows = slice(*np.searchsorted(axis, (y - radius, y + radius)))
            across = (axis[None, columns] - x) / radius
            down = (axis[rows, None] - y) / radius
            inside = across**2 + down**2 <= 1
            shading = 1 + shade[0] * across + shade[1] * down
            window = image[:, rows, columns]
            window[:, inside] = np.clip(colour[:, None] * shading[inside], 0, 1)
    return result
