"""The images from which the ranges of activations are taken before a network is quantised."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.errors import ConversionError
from converters.images import dead_leaves
from foundation.digests import file_sha256
from foundation.vocabulary import DEFAULT_CALIBRATION_COUNT
from zoo.card import Preprocessing
from zoo.preprocessing import Normalisation, UnreadableImageError, decode, pipeline
from zoo.preprocessing.files import IMAGE_SUFFIXES, images_below

GENERATED_COUNT = 16

_GENERATED_SEED = 1
"""Differs from the seed of the images that an artifact is verified on."""
_DRAW_SEED = 0

NOT_CALIBRATED = (
    "int8 ranges come from {count} generated images (dead leaves), not from photographs: latency is that of any "
    "calibration, accuracy is not; give a folder of images (--calibration-images)"
)


@dataclasses.dataclass(frozen=True)
class Calibration:
    """A selection of images, each decoded when its turn comes."""

    files: tuple[Path, ...] = ()
    """Empty for generated images."""

    @classmethod
    def of(cls, folder: Path | None, largest_count: int = DEFAULT_CALIBRATION_COUNT) -> Calibration:
        """The images of a folder and its subfolders; generated ones without a folder.

        Args:
            folder: where the images are.
            largest_count: number of images that are drawn, with a fixed seed, if there are more.

        Raises:
            ConversionError: the folder contains no images.
        """
        if folder is None:
            return cls()
        found = images_below(folder)
        if not found:
            kinds = ", ".join(sorted(IMAGE_SUFFIXES))
            raise ConversionError(f"{folder} holds no images ({kinds}) to calibrate on; give a folder that does")
        if len(found) > largest_count:
            found = tuple(sorted(random.Random(_DRAW_SEED).sample(found, largest_count)))
        return cls(found)

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.files) or GENERATED_COUNT

    @property
    def warning(self) -> str:
        """The warning about generated images; empty for given ones."""
        return "" if self.files else NOT_CALIBRATED.format(count=self.count)

    @property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of each file; empty for generated images."""
        return tuple(map(file_sha256, self.files))

    def spread(self, count: int) -> Calibration:
        """A part of the given images, evenly over their sorted names: those of one class lie together."""
        if count >= len(self.files):
            return self
        return Calibration(tuple(self.files[index * len(self.files) // count] for index in range(count)))

    def facts(self) -> dict[str, Any]:
        """Kind, count and digest of the images, as recorded in provenance and contained in keys."""
        if not self.files:
            return {"kind": "generated", "images": "dead leaves", "count": self.count, "seed": _GENERATED_SEED}
        digest = hashlib.sha256("".join(self.digests).encode())
        return {"kind": "given", "count": self.count, "sha256": digest.hexdigest()}

    def inputs(self, resolution: int, preprocessing: Preprocessing) -> Iterator[NDArray[np.float32]]:
        """Each image as the network's input, float32 (3, R, R).

        Args:
            resolution: R in pixels.
            preprocessing: the card's, followed exactly.

        Raises:
            ConversionError: a file is not a readable image.
            PreprocessingError: the preprocessing does not result in the resolution.
            MissingPackageError: Pillow is not installed.
        """
        if not self.files:
            yield from Normalisation.of(preprocessing).unit_range(dead_leaves(resolution, self.count, _GENERATED_SEED))
            return
        steps = pipeline(_for_any_size(preprocessing), resolution)
        for path in self.files:
            try:
                yield steps.normalised(steps.resampled(decode(path.read_bytes())))
            except (OSError, UnreadableImageError) as error:
                raise ConversionError(f"{path} is not a readable image ({error}); remove it from the folder") from error


def _for_any_size(preprocessing: Preprocessing) -> Preprocessing:
    """For a release that takes its data set's images as they are: the resized centre squares of other images."""
    if preprocessing.rule != "none":
        return preprocessing
    return dataclasses.replace(
        preprocessing, rule="crop_then_resize", crop_fraction=1.0, library="pil", interpolation="bicubic"
    )
