"""Compares artifacts with the networks that they were made from, on given images, by the classes they predict."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from converters.artifact import ArtifactStore
from converters.errors import VerificationError
from converters.pool import Conversion, load_native
from converters.verify import Agreement, artifact_outputs, as_rows, compare, padded
from converters.weights import with_finite_statistics
from harness.datasets import ImageSet
from harness.errors import UnreadableFileError
from zoo.card import ModelCard
from zoo.native import NativeModel
from zoo.own_model import OwnModel
from zoo.preprocessing import Decoded, UnreadableImageError, decode, pipeline
from zoo.probe import RUNTIME_TOLERANCE

_CHUNK_IMAGES = 64
"""Images in memory at once."""
_NATIVE_BATCH = 8
"""Images that the framework computes at once: its activations take more memory than the images."""


@dataclasses.dataclass(frozen=True)
class ImageAgreement:
    """The result for one model."""

    model: str
    status: str
    """`ok`, `differs`, or how its conversion ended."""
    reason: str = ""
    agreement: Agreement | None = None
    unreadable: tuple[str, ...] = ()
    """Images that were skipped, and why."""

    def line(self) -> str:
        """One line of the table."""
        parts = [self.model, f"{self.status}: {self.reason}" if self.reason else self.status]
        if self.agreement is not None:
            count = self.agreement.count
            equal = round(count * self.agreement.top1_agreement)
            parts += [f"top-1 equal on {equal:,} of {count:,} images", f"logits {self.agreement.relative_l2:.1e}"]
        if self.unreadable:
            parts.append(f"{len(self.unreadable):,} unreadable, the first: {self.unreadable[0]}")
        return "  ".join(parts)


def agree_on_images(conversion: Conversion, images: ImageSet, cache_dir: Path) -> ImageAgreement:
    """Compares an artifact with its network and the weights it was converted with, on images as the release takes them.

    Args:
        conversion: how the artifact was made.
        images: the labels are ignored.
        cache_dir: the project's cache directory.
    """
    name = conversion.request.model
    if conversion.artifact is None:
        return ImageAgreement(name, conversion.status, conversion.reason)
    native = with_finite_statistics(load_native(conversion.request, ArtifactStore(cache_dir)))
    batch = conversion.request.batch
    if isinstance(native, OwnModel):
        native.fit(batch)
    unreadable: list[str] = []
    expected, actual = [], []
    for inputs in prepared_images(native.card, images, unreadable):
        expected.append(_native_logits(native, inputs, batch))
        outputs = artifact_outputs(conversion.artifact.path, padded(inputs, batch))
        actual.append(as_rows(outputs, batch)[: len(inputs)])
    if not expected:
        return ImageAgreement(name, "failed", "none of the images can be used", unreadable=tuple(unreadable))
    try:
        found = compare("given", np.concatenate(expected), np.concatenate(actual), RUNTIME_TOLERANCE)
    except VerificationError as error:
        return ImageAgreement(name, "differs", str(error), unreadable=tuple(unreadable))
    return ImageAgreement(name, "ok", agreement=found, unreadable=tuple(unreadable))


def _native_logits(native: NativeModel, inputs: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """Logits of the network; a user network may take no other batch than its artifact's."""
    step = batch if isinstance(native, OwnModel) else _NATIVE_BATCH
    fed = padded(inputs, step)
    outputs = [native.logits(fed[start : start + step]) for start in range(0, len(fed), step)]
    return as_rows(outputs, step)[: len(inputs)]


def prepared_images(card: ModelCard, images: ImageSet, unreadable: list[str]) -> Iterator[NDArray[np.float32]]:
    """The network's inputs, float32 (N, 3, R, R), in chunks; images that cannot be read are added to `unreadable`."""
    steps = pipeline(card.preprocessing, card.resolution)
    ready: list[NDArray[np.float32]] = []
    for index in range(len(images.items)):
        try:
            ready.append(steps.normalised(steps.resampled(_decoded(images, index))))
        except (UnreadableImageError, UnreadableFileError) as error:
            unreadable.append(f"{images.location(index)}: {error}")
        if len(ready) == _CHUNK_IMAGES:
            yield np.stack(ready)
            ready = []
    if ready:
        yield np.stack(ready)


def _decoded(images: ImageSet, index: int) -> Decoded:
    data = images.read(index)
    return decode(data) if isinstance(data, bytes) else Decoded(data)
