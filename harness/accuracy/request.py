"""What an evaluation was asked for, and the labelled images that it is of."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from typing import Any

from harness.accuracy.memory import free_memory_mib
from harness.datasets import ImageSet, open_images
from harness.errors import AccuracyError

_SHARE_OF_FREE_MEMORY = 0.5

_PACKAGES = {"PIL": "pillow", "pyarrow": "pyarrow", "psutil": "psutil"} | (
    {"tomli": "tomli"} if sys.version_info < (3, 11) else {}
)
"""What reads images, writes the predictions, tells the memory and reads the cards, by the name it is imported under."""


@dataclasses.dataclass(frozen=True)
class AccuracyRequest:
    """Which images, and with how much of the machine."""

    images: Path
    ground_truth: Path | None = None
    limit: int | None = None
    """Images of a balanced subset; all where None."""
    seed: int = 0
    """Of that subset."""
    preprocessing: str = ""
    """Of one's own networks: the name of a model of the zoo, or a TOML file; torchvision's usual one where empty."""
    cache_images: Path | None = None
    """Where resized images are kept from one evaluation to the next; nowhere where None."""
    memory_mib: int | None = None
    """For images and networks together; a share of what is free where None."""
    decoders: int | None = None
    """Threads that decode; as many as processors where None."""
    timeout_s: float = 300.0
    """For a few images of one network, and for the decoding of one chunk ten times that."""

    def _check(self) -> None:
        missing = [package for module, package in _PACKAGES.items() if importlib.util.find_spec(module) is None]
        if missing:
            raise AccuracyError(f"measuring accuracy needs what is not installed here: pip install {' '.join(missing)}")
        for option, value in (("--limit", self.limit), ("--memory", self.memory_mib), ("--decoders", self.decoders)):
            if value is not None and value < 1:
                raise AccuracyError(f"{option} {value}: give a number of at least 1")

    def open(self) -> ImageSet:
        """The images; what could only fail later is refused.

        Raises:
            AccuracyError: they are no data set that is known, or none at all, or an option is wrong.
        """
        self._check()
        from harness.accuracy.targets import own_preprocessing

        own_preprocessing(self.preprocessing)
        images = open_images(self.images, ground_truth=self.ground_truth, limit=self.limit, seed=self.seed)
        if not images.items:
            raise AccuracyError(f"{self.images} holds no images; give a folder, an archive or a tar of labelled ones")
        return images

    def memory_budget_mib(self) -> int:
        """What images and networks together may take."""
        return self.memory_mib or max(1, int(_SHARE_OF_FREE_MEMORY * free_memory_mib()))

    def selection(self) -> dict[str, Any]:
        """What a child process needs to open the same images, as a JSON object."""
        return {
            "path": str(self.images.resolve()),
            "ground_truth": str(self.ground_truth.resolve()) if self.ground_truth else None,
            "limit": self.limit,
            "seed": self.seed,
        }


def open_selection(selection: dict[str, Any]) -> ImageSet:
    """The images that `AccuracyRequest.selection` tells."""
    truth = selection["ground_truth"]
    return open_images(
        Path(selection["path"]),
        ground_truth=Path(truth) if truth else None,
        limit=selection["limit"],
        seed=selection["seed"],
    )
