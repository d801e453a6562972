"""Loads weights into a built network: the probe's, the released ones, or a file's."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.digests import file_sha256
from foundation.vocabulary import AUTO, PROBE, RELEASED
from zoo.checkpoints import FetchedCheckpoint, FetchError, FetchSettings, fetch
from zoo.errors import WeightsError
from zoo.native import NativeModel

if TYPE_CHECKING:
    from zoo.card import ModelCard

Weights = str | os.PathLike[str] | FetchedCheckpoint
"""`probe`, `released`, `auto`, the path of a checkpoint, or a released one that was fetched already."""


def at_hand(
    card: ModelCard, weights: Weights, settings: FetchSettings | None = None
) -> FetchedCheckpoint | Path | None:
    """The checkpoint that `weights` means, fetched if necessary; None for the probe's weights.

    Args:
        card: the model's card.
        weights: which weights. `auto` means the released ones if they can be fetched, otherwise the probe's with a
            warning.
        settings: how released weights are fetched.

    Raises:
        FetchError: the released weights cannot be fetched, and `weights` allows no others.
    """
    if isinstance(weights, FetchedCheckpoint):
        return weights
    if str(weights) == RELEASED:
        return fetch(card, settings)
    if str(weights) == AUTO:
        try:
            return fetch(card, settings)
        except FetchError as error:
            warnings.warn(f"{card.name} gets the probe's weights: {error}", stacklevel=3)
            return None
    return None if str(weights) == PROBE else Path(str(weights))


def apply_weights(
    native: NativeModel, checkpoint: FetchedCheckpoint | Path | None, calibration_images: Path | None = None
) -> None:
    """Sets a network's weights, in place, and records what they are (`NativeModel.weights`).

    Args:
        native: a built network.
        checkpoint: a released one, a user's file, or None for the probe's weights.
        calibration_images: folder of training images, for a release that recalibrates on some.

    Raises:
        WeightsError: the checkpoint cannot be opened or does not fit, or the folder contains no images.
    """
    if checkpoint is None:
        native.apply_probe()
    elif isinstance(checkpoint, Path):
        native.load_file(checkpoint)
        native.checkpoint = {"sha256": file_sha256(checkpoint), **native.checkpoint}
    else:
        _load_released(native, checkpoint)
        record_released(native, checkpoint)
    if native.needs_recalibration and calibration_images is not None:
        _recalibrate(native, calibration_images)


def record_released(native: NativeModel, checkpoint: FetchedCheckpoint) -> None:
    """Records that a network has these released weights."""
    native.weights = RELEASED
    native.checkpoint = {"sha256": checkpoint.sha256, "url": checkpoint.url, "tag": checkpoint.tag}


def _load_released(native: NativeModel, checkpoint: FetchedCheckpoint) -> None:
    try:
        native.load_file(checkpoint.path)
    except WeightsError as error:
        # A cached file is not fetched again, and a lock file may accept no other.
        raise WeightsError(
            f"{error}. This is what {checkpoint.url} served when it was fetched: to fetch it again, first remove the "
            "file, and its line from the lock file"
        ) from error


def _recalibrate(native: NativeModel, folder: Path) -> None:
    from zoo.torch_model import TorchModel
    from zoo.training_images import TrainingImages

    if not isinstance(native, TorchModel):
        raise WeightsError(f"{native.card.name} cannot be recalibrated: only PyTorch networks can")
    images = TrainingImages.of(folder)
    native.recalibrate(images.batches(native.card.preprocessing))
    native.recalibrated = images.facts()
