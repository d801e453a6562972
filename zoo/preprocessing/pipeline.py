"""A card's preprocessing as steps to call."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.card import Preprocessing
from zoo.preprocessing import tensor_resize
from zoo.preprocessing.decoding import Decoded
from zoo.preprocessing.errors import PreprocessingError
from zoo.preprocessing.normalisation import Normalisation
from zoo.preprocessing.resampling import Resampling


@dataclasses.dataclass(frozen=True)
class Pipeline:
    """The steps from a decoded image to a network's input; equal pipelines make the same input."""

    resampling: Resampling
    """Makes the crop. Pipelines that share it share the crop."""
    normalisation: Normalisation
    resolution_px: int
    """R: height and width of the input. If the crop's differ, the normalised crop is resized."""

    @property
    def resizes_tensor(self) -> bool:
        """Whether the normalised crop is resized to the resolution."""
        return self.resolution_px != self.resampling.crop_px

    def resampled(self, decoded: Decoded) -> NDArray[Any]:
        """The resized crop (crop_px, crop_px, 3), RGB: uint8 if the release's resize gives that, otherwise float32.

        Raises:
            UnreadableImageError: the release's rule does not apply to an image of this size.
            MissingPackageError: Pillow is not installed.
        """
        return self.resampling.apply(decoded)

    def normalised(self, resampled: NDArray[Any]) -> NDArray[np.float32]:
        """The network's input, float32 (3, R, R) in the card's channel order.

        Args:
            resampled: the result of `resampled`.
        """
        image = self.normalisation.pixels(resampled)
        return tensor_resize.bicubic(image, self.resolution_px) if self.resizes_tensor else image


def pipeline(preprocessing: Preprocessing, resolution: int) -> Pipeline:
    """The pipeline that a card describes.

    Args:
        preprocessing: the card's preprocessing.
        resolution: the card's resolution, in pixels.

    Raises:
        PreprocessingError: the facts do not describe steps that lead to this resolution.
    """
    resampling, normalisation = Resampling.of(preprocessing), Normalisation.of(preprocessing)
    if preprocessing.tensor_resize not in ("", "bicubic"):
        raise PreprocessingError(f"tensor_resize must be 'bicubic' or empty, not {preprocessing.tensor_resize!r}")
    if not preprocessing.tensor_resize and preprocessing.crop_px != resolution:
        raise PreprocessingError(
            f"the crop has {preprocessing.crop_px} px, the network takes {resolution} px, and no tensor_resize "
            "converts one to the other"
        )
    return Pipeline(resampling, normalisation, resolution)
