"""The resized crop that a release takes of an image: the rule, and the library that resizes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.card import Preprocessing
from zoo.preprocessing import opencv, pillow, tensorflow1
from zoo.preprocessing.decoding import Decoded
from zoo.preprocessing.errors import PreprocessingError, UnreadableImageError

_Resize = Callable[[Decoded, "Resampling"], NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Resampling:
    """The part of a card that decides the resized crop: equal ones make the same crop, so crops can be cached by it."""

    rule: str
    library: str
    interpolation: str
    crop_px: int
    resize_px: int = 0
    """0 if the rule has none."""
    crop_fraction: float = 0.0
    """0 if the rule has none."""

    @classmethod
    def of(cls, preprocessing: Preprocessing) -> Resampling:
        """The resampling that a card describes.

        Raises:
            PreprocessingError: the rule, library or interpolation is not known, or the sizes do not fit the rule.
        """
        rule, library, interpolation = preprocessing.rule, preprocessing.library, preprocessing.interpolation
        if (rule, library) not in _RESIZES or interpolation not in _INTERPOLATIONS[library]:
            raise PreprocessingError(
                f"no resize is known for rule {rule!r}, library {library!r} and interpolation {interpolation!r}"
            )
        for name, side_px in (("crop_px", preprocessing.crop_px), ("resize_px", preprocessing.resize_px)):
            if side_px is not None and (type(side_px) is not int or side_px < 1):
                raise PreprocessingError(f"{name} must be a positive integer, in pixels, not {side_px!r}")
        if not isinstance(preprocessing.crop_fraction, int | float | None):
            raise PreprocessingError(f"crop_fraction must be a number, not {preprocessing.crop_fraction!r}")
        resize_px, crop_fraction = preprocessing.resize_px or 0, preprocessing.crop_fraction or 0.0
        must_cover = rule == "resize_then_crop" or (rule == "squash" and resize_px)
        if must_cover and resize_px < preprocessing.crop_px:
            raise PreprocessingError(f"{rule}: resize_px is {resize_px}, less than crop_px, {preprocessing.crop_px}")
        if rule == "crop_then_resize" and not 0 < crop_fraction <= 1:
            raise PreprocessingError(f"{rule}: crop_fraction is {crop_fraction}; it must be more than 0 and at most 1")
        return cls(rule, library, interpolation, preprocessing.crop_px, resize_px, crop_fraction)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the crop's values."""
        return np.dtype(np.float32 if self.library in _FLOAT_LIBRARIES else np.uint8)

    def apply(self, decoded: Decoded) -> NDArray[Any]:
        """The crop, (crop_px, crop_px, 3), RGB: uint8 if the release's resize gives that, otherwise float32 of 0..255.

        Raises:
            UnreadableImageError: the rule does not apply to an image of this size.
            MissingPackageError: Pillow is not installed.
        """
        return _RESIZES[self.rule, self.library](decoded, self)


def _as_it_is(decoded: Decoded, crop_px: int) -> NDArray[np.uint8]:
    """The image itself.

    Raises:
        UnreadableImageError: it does not have the data set's size.
    """
    if (decoded.width_px, decoded.height_px) != (crop_px, crop_px):
        raise UnreadableImageError(
            f"{decoded.width_px} x {decoded.height_px} pixels; the release takes its data set's images of "
            f"{crop_px} x {crop_px} as they are"
        )
    return decoded.pixels


_RESIZES: dict[tuple[str, str], _Resize] = {
    ("resize_then_crop", "pil"): lambda decoded, by: pillow.resize_then_crop(
        decoded, by.resize_px, by.crop_px, by.interpolation
    ),
    ("crop_then_resize", "pil"): lambda decoded, by: pillow.crop_then_resize(
        decoded, by.crop_fraction, by.crop_px, by.interpolation
    ),
    ("squash", "pil"): lambda decoded, by: pillow.squash(
        decoded, by.resize_px or by.crop_px, by.crop_px, by.interpolation
    ),
    ("resize_then_crop", "opencv"): lambda decoded, by: opencv.resize_then_crop(decoded, by.resize_px, by.crop_px),
    ("crop_then_resize", "tensorflow1"): lambda decoded, by: tensorflow1.crop_then_resize(
        decoded, by.crop_fraction, by.crop_px
    ),
    ("none", ""): lambda decoded, by: _as_it_is(decoded, by.crop_px),
}
"""By rule and library. The functions take the facts that they need, so that none of them depends on this module."""
_FLOAT_LIBRARIES = ("opencv", "tensorflow1")
"""Libraries that resize in float32, which is then the crop's type; the others give uint8."""
_INTERPOLATIONS = {"pil": ("bilinear", "bicubic"), "opencv": ("bilinear",), "tensorflow1": ("bicubic",), "": ("",)}
"""Known ones, by library."""
