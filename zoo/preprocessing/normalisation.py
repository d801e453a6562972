"""From pixels to a network's input: channel order, mean and standard deviation."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.card import Preprocessing
from zoo.preprocessing.errors import PreprocessingError

_WHITE = 255
_CHANNELS = 3


@dataclasses.dataclass(frozen=True)
class Normalisation:
    """The part of a card that decides the normalisation."""

    channel_order: str
    mean: tuple[float, ...]
    """In the order of the input channels, for values in 0..1."""
    std: tuple[float, ...]
    of_bytes: bool
    """Whether the release normalises pixels of 0..255 by statistics times 255, not of 0..1: the last bit differs."""

    @classmethod
    def of(cls, preprocessing: Preprocessing) -> Normalisation:
        """The normalisation that a card describes.

        Raises:
            PreprocessingError: the channel order is unknown, or the statistics are not three numbers each, for 0..1.
        """
        if preprocessing.channel_order not in ("RGB", "BGR"):
            raise PreprocessingError(f"channel_order must be 'RGB' or 'BGR', not {preprocessing.channel_order!r}")
        for name, values, least in (("mean", preprocessing.mean, "0"), ("std", preprocessing.std, "more than 0")):
            if not (isinstance(values, tuple | list) and len(values) == _CHANNELS and all(map(_is_number, values))):
                raise PreprocessingError(f"{name} must be three numbers, one per channel, not {values!r}")
            if not all(0 <= value <= 1 for value in values) or (name == "std" and 0 in values):
                raise PreprocessingError(
                    f"{name} is for pixels of 0..1, so from {least} to 1, not {values!r}; divide that of 0..255 by 255"
                )
        of_bytes = preprocessing.library == "tensorflow1"
        return cls(preprocessing.channel_order, tuple(preprocessing.mean), tuple(preprocessing.std), of_bytes)

    def pixels(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Float32 (3, H, W) in the network's channel order, each operation rounded to float32.

        Args:
            pixels: uint8 or float32 (H, W, 3), RGB of 0..255.
        """
        image = self._in_order(pixels.transpose(2, 0, 1))
        if not self.of_bytes:
            image /= np.float32(_WHITE)
            return self._standardised(image, self.mean, self.std)
        mean, std = (tuple(value * _WHITE for value in values) for values in (self.mean, self.std))
        return self._standardised(image, mean, std)

    def unit_range(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Float32 (..., 3, H, W) in the network's channel order.

        Args:
            images: float32 (..., 3, H, W), RGB of 0..1.
        """
        return self._standardised(self._in_order(images), self.mean, self.std)

    def _in_order(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """A contiguous float32 copy, on which numpy computes several times faster than while it casts."""
        result = np.empty(images.shape, np.float32)
        np.copyto(result, images[..., ::-1, :, :] if self.channel_order == "BGR" else images)
        return result

    @staticmethod
    def _standardised(
        images: NDArray[np.float32], mean: tuple[float, ...], std: tuple[float, ...]
    ) -> NDArray[np.float32]:
        """The same images, in place."""
        images -= np.asarray(mean, np.float32)[:, None, None]
        images /= np.asarray(std, np.float32)[:, None, None]
        return images


def _is_number(value: object) -> bool:
    return type(value) in (int, float)
