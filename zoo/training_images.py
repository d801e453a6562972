"""Training images, augmented as in AlphaNet's release, to recalibrate a subnet on.

The release measures a subnet's running statistics under its training augmentation (AlphaNet test_alphanet.py and
configs/eval_alphanet_models.yml; AttentiveNAS data/data_transform.py and data/auto_augment_tf.py): a random resized
crop to 224 pixels with bicubic interpolation, a random flip, and the automatic augmentation v0 of the TPU's
EfficientNet in timm's variant: magnitudes with a standard deviation of 0.5, posterising to 4 to 8 bits, rotations,
shears and translations with a random interpolation, filled with the mean colour.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundation.digests import file_sha256
from foundation.packages import package_version
from zoo.card import Preprocessing
from zoo.errors import MissingPackageError, WeightsError
from zoo.preprocessing.decoding import decode
from zoo.preprocessing.errors import UnreadableImageError
from zoo.preprocessing.files import IMAGE_SUFFIXES, images_below

RELEASED_BATCHES = 64
RELEASED_BATCH_SIZE = 256
RELEASED_SEED = 5
"""The release's recalibration data: batches of training images, shuffled with this seed; the draw itself depends on
its framework and its data set, and cannot be reproduced."""
CROP_PX = 224
"""For every subnet, whatever its resolution: the network resizes its input."""

_MAGNITUDE_DEVIATION = 0.5
_MEAN_COLOUR = (124, 116, 104)
_PACKAGES = ("pillow", "timm", "torch", "torchvision")


@dataclasses.dataclass(frozen=True)
class TrainingImages:
    """Batches of images from a folder, the same each time they are made."""

    files: tuple[Path, ...]
    """In the order of use; whole batches."""
    batch_size: int
    seed: int = RELEASED_SEED

    @classmethod
    def of(
        cls,
        folder: Path,
        *,
        batches: int = RELEASED_BATCHES,
        batch_size: int = RELEASED_BATCH_SIZE,
        seed: int = RELEASED_SEED,
    ) -> TrainingImages:
        """Images of a folder and its subfolders, drawn with the seed; fewer batches if there are too few images.

        Raises:
            WeightsError: the folder contains no images.
        """
        found = _listed(folder)
        if not found:
            kinds = ", ".join(sorted(IMAGE_SUFFIXES))
            raise WeightsError(f"{folder} holds no images ({kinds}) to recalibrate on; give a folder that does")
        size = min(batch_size, len(found))
        count = min(batches, len(found) // size) * size
        return cls(tuple(random.Random(seed).sample(found, count)), size, seed)

    @property
    def batches_count(self) -> int:
        """Number of batches."""
        return len(self.files) // self.batch_size

    def facts(self) -> dict[str, Any]:
        """The facts that decide the batches, as recorded in provenance and contained in keys."""
        return {
            "images_count": len(self.files),
            "images_sha256": _contents_sha256(self.files),
            "batches": self.batches_count,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "packages": {name: package_version(name) or "absent" for name in _PACKAGES},
        }

    def batches(self, preprocessing: Preprocessing) -> Iterator[NDArray[np.float32]]:
        """The batches, each float32 (batch size, 3, 224, 224), normalised as the card says.

        The process's own random state is left as it was.

        Raises:
            WeightsError: a file is not an image.
            MissingPackageError: Pillow, timm or torchvision is not installed.
        """
        augment = _augmentation()
        mean = np.asarray(preprocessing.mean, np.float32)[:, None, None]
        std = np.asarray(preprocessing.std, np.float32)[:, None, None]
        for index in range(self.batches_count):
            chosen = self.files[index * self.batch_size : (index + 1) * self.batch_size]
            with _seeded(self.seed + index):
                pixels = np.stack([np.asarray(augment(_opened(path))) for path in chosen])
            values = pixels.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
            batch: NDArray[np.float32] = (values - mean) / std
            yield batch


# A folder may contain a million images, and is listed for every model that is recalibrated.
_listed = functools.lru_cache(maxsize=4)(images_below)


@functools.lru_cache(maxsize=4)
def _contents_sha256(files: tuple[Path, ...]) -> str:
    """Digest of the files' contents in order: names and locations have no other effect."""
    return hashlib.sha256("".join(file_sha256(path) for path in files).encode()).hexdigest()


def _opened(path: Path) -> Any:
    try:
        return decode(path.read_bytes()).image
    except (OSError, UnreadableImageError) as error:
        raise WeightsError(f"{path} is not a readable image ({error}); remove it from the folder") from error


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seeds both random number generators that the augmentation draws from, and restores their states at the end."""
    import torch

    state = random.getstate()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(state)


def _augmentation() -> Callable[[Any], Any]:
    """The augmentation of an RGB Pillow image to one of 224 x 224 pixels."""
    try:
        from PIL.Image import Resampling
        from timm.data.auto_augment import AugmentOp, AutoAugment, auto_augment_policy
        from torchvision import transforms
    except ImportError as error:
        raise MissingPackageError(
            f"recalibrating on images needs Pillow, timm and torchvision ({error}); install them with: "
            "pip install 'baseline-zoo[efficientnet]'"
        ) from error
    settings = {
        "img_mean": _MEAN_COLOUR,
        "interpolation": (Resampling.NEAREST, Resampling.BILINEAR, Resampling.BICUBIC),
        "magnitude_std": _MAGNITUDE_DEVIATION,
    }
    # The release posterises to 4 to 8 bits, which timm offers under this name; timm's v0 leaves 0 to 4.
    policy = [
        [
            AugmentOp("PosterizeOriginal", step.prob, step.magnitude, settings) if step.name == "Posterize" else step
            for step in steps
        ]
        for steps in auto_augment_policy("v0", settings)
    ]
    steps: Callable[[Any], Any] = transforms.Compose(
        [
            transforms.RandomResizedCrop(CROP_PX, interpolation=transforms.InterpolationMode.BICUBIC),
            transforms.RandomHorizontalFlip(),
            AutoAugment(policy),
        ]
    )
    return steps
