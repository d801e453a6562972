"""The request for an evaluation, and the labelled images it is about."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from typing import Any

from foundation.shard import Shard
from harness.accuracy.memory import free_memory_mib
from harness.datasets import ImageSet, open_images
from harness.errors import AccuracyError

_SHARE_OF_FREE_MEMORY = 0.5

_PACKAGES = {"PIL": "pillow", "pyarrow": "pyarrow", "psutil": "psutil"} | (
    {"tomli": "tomli"} if sys.version_info < (3, 11) else {}
)
"""Packages that read images, write predictions, report memory and read the cards, by their import names."""


@dataclasses.dataclass(frozen=True)
class AccuracyRequest:
    """Which images are evaluated, and with how much of the machine."""

    images: Path
    ground_truth: Path | None = None
    limit: int | None = None
    """Number of images in a class-balanced subset; None for all."""
    seed: int = 0
    """Seed of the subset."""
    cache_images: Path | None = None
    """Folder where resized images are kept between evaluations; None to keep none."""
    memory_mib: int | None = None
    """Memory for images and networks together; a share of the free memory if None."""
    decoders: int | None = None
    """Threads that decode; one per processor if None."""
    timeout_s: float = 300.0
    """Limit for a few images of one network; decoding one chunk may take ten times as long."""
    class_order: str = ""
    """How the user's classes are numbered, one of `harness.datasets.classes.ORDERS`; by their names if empty."""
    background_class: int | None = None
    """The output that is no class, of networks with one output more than there are classes."""
    shard: Shard | None = None
    """Which share of the images; None for all."""

    def _check(self) -> None:
        missing = [package for module, package in _PACKAGES.items() if importlib.util.find_spec(module) is None]
        if missing:
            raise AccuracyError(
                f"measuring accuracy needs packages that are not installed: pip install {' '.join(missing)}"
            )
        for option, value in (("--limit", self.limit), ("--memory", self.memory_mib), ("--decoders", self.decoders)):
            if value is not None and value < 1:
                raise AccuracyError(f"{option} {value}: give a number of at least 1")

    def open(self) -> ImageSet:
        """Opens the images, and refuses what would otherwise fail later.

        Raises:
            AccuracyError: the images are not in a known layout, there are none, or an option is wrong.
        """
        self._check()
        images = open_images(
            self.images,
            ground_truth=self.ground_truth,
            limit=self.limit,
            seed=self.seed,
            class_order=self.class_order,
            shard=self.shard,
        )
        if images.whole is not None and not images.items:
            raise AccuracyError(
                f"--shard {self.shard}: none of the {images.whole.count:,} images is in it; give fewer shards"
            )
        if not images.items:
            raise AccuracyError(f"{self.images} holds no images; give a folder, an archive or a tar of labelled images")
        return images

    def memory_budget_mib(self) -> int:
        """Returns the memory that images and networks together may take."""
        return self.memory_mib or max(1, int(_SHARE_OF_FREE_MEMORY * free_memory_mib()))

    def selection(self) -> dict[str, Any]:
        """Returns what a child process needs to open the same images, as a JSON object."""
        return {
            "path": str(self.images.resolve()),
            "ground_truth": str(self.ground_truth.resolve()) if self.ground_truth else None,
            "limit": self.limit,
            "seed": self.seed,
            "class_order": self.class_order,
            "shard": str(self.shard) if self.shard else None,
        }


def open_selection(selection: dict[str, Any]) -> ImageSet:
    """Opens the images that `AccuracyRequest.selection` describes."""
    truth, shard = selection["ground_truth"], selection["shard"]
    return open_images(
        Path(selection["path"]),
        ground_truth=Path(truth) if truth else None,
        limit=selection["limit"],
        seed=selection["seed"],
        class_order=selection["class_order"],
        shard=Shard.of(shard) if shard else None,
    )
