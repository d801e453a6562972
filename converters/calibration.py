"""The images that activations' ranges are taken from before a network is quantised."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from converters.artifact import file_sha256
from converters.errors import ConversionError
from converters.images import dead_leaves, normalise
from zoo.card import Preprocessing
from zoo.errors import MissingPackageError

if TYPE_CHECKING:
    from PIL.Image import Image

GENERATED_COUNT = 16
GIVEN_COUNT = 128
"""Images of a folder that are used at most, drawn by a fixed seed."""

_GENERATED_SEED = 1
"""Not the seed of the images that an artifact is verified on."""
_DRAW_SEED = 0
_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".webp"}

NOT_CALIBRATED = (
    "int8 ranges come from {count} generated images (dead leaves), not from photographs: latency is that of any "
    "calibration, accuracy is not; give a folder of images (--calibration-images)"
)


@dataclasses.dataclass(frozen=True)
class Calibration:
    """A choice of images, decoded when their turn comes."""

    files: tuple[Path, ...] = ()
    """Empty for generated images."""

    @classmethod
    def of(cls, folder: Path | None) -> Calibration:
        """The images of a folder and its subfolders; generated ones where there is none.

        Raises:
            ConversionError: the folder holds no image.
        """
        if folder is None:
            return cls()
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
        if not found:
            kinds = ", ".join(sorted(_SUFFIXES))
            raise ConversionError(f"{folder} holds no image ({kinds}) to calibrate on; give a folder that does")
        if len(found) > GIVEN_COUNT:
            found = sorted(random.Random(_DRAW_SEED).sample(found, GIVEN_COUNT))
        return cls(tuple(found))

    @property
    def count(self) -> int:
        """How many images."""
        return len(self.files) or GENERATED_COUNT

    @property
    def warning(self) -> str:
        """What must be said of it; empty for given images."""
        return "" if self.files else NOT_CALIBRATED.format(count=self.count)

    def facts(self) -> dict[str, Any]:
        """Kind, count and digest of the images, as provenance records them and keys contain them."""
        if not self.files:
            return {"kind": "generated", "images": "dead leaves", "count": self.count, "seed": _GENERATED_SEED}
        digest = hashlib.sha256("".join(file_sha256(path) for path in self.files).encode())
        return {"kind": "given", "count": self.count, "sha256": digest.hexdigest()}

    def inputs(self, resolution: int, preprocessing: Preprocessing) -> Iterator[NDArray[np.float32]]:
        """Each image as the network takes it, float32 (3, R, R).

        Args:
            resolution: R in pixels.
            preprocessing: the card's; every resize is Pillow's, whatever library the release used.

        Raises:
            ConversionError: a file that is no image.
            MissingPackageError: Pillow is not installed.
        """
        if not self.files:
            yield from normalise(dead_leaves(resolution, self.count, _GENERATED_SEED), preprocessing)
            return
        for path in self.files:
            yield normalise(load_image(path, resolution, preprocessing)[None], preprocessing)[0]


def load_image(path: Path, resolution: int, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """One image file, resized and cropped by the card's rule: float32 (3, R, R), RGB in 0..1.

    Raises:
        ConversionError: the file is no image.
        MissingPackageError: Pillow is not installed.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise MissingPackageError(
            f"calibrating on images needs Pillow, which does not import here ({error}); "
            "install it with: pip install 'baseline-zoo[precision]'"
        ) from error
    try:
        with Image.open(path) as opened:
            image = _framed(opened.convert("RGB"), preprocessing)
    except (UnidentifiedImageError, OSError) as error:
        raise ConversionError(f"{path} is no readable image ({error}); take it out of the folder") from error
    if image.size != (resolution, resolution):
        image = image.resize((resolution, resolution), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float32).transpose(2, 0, 1) / np.float32(255)


def _framed(image: Image, preprocessing: Preprocessing) -> Image:
    """The square that the rule cuts out, of `crop_px` pixels a side."""
    from PIL.Image import Resampling

    method = Resampling.BICUBIC if preprocessing.interpolation == "bicubic" else Resampling.BILINEAR
    side = preprocessing.crop_px
    if preprocessing.rule == "squash":
        return image.resize((side, side), method)
    if preprocessing.rule == "resize_then_crop" and preprocessing.resize_px is not None:
        scale = preprocessing.resize_px / min(image.size)
        width, height = (max(side, round(length * scale)) for length in image.size)
        return _centre(image.resize((width, height), method), side)
    # `none` is of images that are square already; a folder may hold others.
    fraction = preprocessing.crop_fraction or 1.0
    return _centre(image, round(min(image.size) * fraction)).resize((side, side), method)


def _centre(image: Image, side: int) -> Image:
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))
