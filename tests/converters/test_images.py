from __future__ import annotations

import numpy as np
import pytest

from converters.images import dead_leaves


def spectrum_slope(image):
    """Exponent of the radially averaged power spectrum of one channel."""
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(len(image))] * 2))
    band = (frequency > 0.02) & (frequency < 0.3)
    return np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)[0]


def test_images_are_seeded_and_in_range():
    images = dead_leaves(64, 2, seed=3)
    assert images.shape == (2, 3, 64, 64)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1
    np.testing.assert_array_equal(images, dead_leaves(64, 2, seed=3))
    assert not np.array_equal(images, dead_leaves(64, 2, seed=4))
    assert not np.array_equal(images[0], images[1])


def test_the_spectrum_falls_as_that_of_photographs():
    """About 1/f^2; white noise is flat."""
    assert spectrum_slope(dead_leaves(128, 1)[0, 0]) == pytest.approx(-2.3, abs=0.6)
    assert abs(spectrum_slope(np.random.default_rng(0).random((128, 128)))) < 0.3
