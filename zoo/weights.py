"""Puts weights into a built network: the probe's, the released ones, or a file's."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.checkpoints import FetchedCheckpoint, FetchError, FetchSettings, fetch
from zoo.errors import WeightsError
from zoo.files import file_sha256
from zoo.native import NativeModel

if TYPE_CHECKING:
    from zoo.card import ModelCard

PROBE = "probe"
RELEASED = "released"
AUTO = "auto"
FILE = "file"

Weights = str | os.PathLike[str] | FetchedCheckpoint
"""`probe`, `released`, `auto`, the path of a checkpoint, or a released one that was fetched already."""


def apply_weights(
    native: NativeModel,
    weights: Weights,
    settings: FetchSettings | None = None,
    calibration_images: Path | None = None,
) -> None:
    """Sets a network's weights, in place, and what they are (`NativeModel.weights`).

    Args:
        native: a built network.
        weights: which. `auto` takes the released ones where they can be had, and warns where it has to take the
            probe's.
        settings: how released weights are fetched.
        calibration_images: training images, for a release that recalibrates on some.

    Raises:
        FetchError: the released weights cannot be had, and only they will do.
        WeightsError: a checkpoint that cannot be opened or does not fit, or a folder without images.
    """
    fetched = _fetched(native.card, weights, settings)
    if fetched:
        native.load_file(fetched.path)
        native.weights = RELEASED
        native.checkpoint = {"sha256": fetched.sha256, "url": fetched.url, "tag": fetched.tag}
    elif str(weights) in (PROBE, AUTO):
        native.apply_probe()
    else:
        path = Path(str(weights))
        native.load_file(path)
        native.checkpoint = {"sha256": file_sha256(path)}
    if native.needs_recalibration and calibration_images is not None:
        _recalibrate(native, calibration_images)


def _fetched(card: ModelCard, weights: Weights, settings: FetchSettings | None) -> FetchedCheckpoint | None:
    """The released checkpoint; None where other weights are to be taken."""
    if isinstance(weights, FetchedCheckpoint):
        return weights
    if str(weights) == RELEASED:
        return fetch(card, settings)
    if str(weights) == AUTO:
        try:
            return fetch(card, settings)
        except FetchError as error:
            warnings.warn(f"{card.name} gets the probe's weights: {error}", stacklevel=4)
    return None


def _recalibrate(native: NativeModel, folder: Path) -> None:
    from zoo.torch_model import TorchModel
    from zoo.training_images import TrainingImages

    if not isinstance(native, TorchModel):
        raise WeightsError(f"{native.card.name} cannot be recalibrated: only PyTorch's networks can")
    images = TrainingImages.of(folder)
    native.recalibrate(images.batches(native.card.preprocessing))
    native.recalibrated = images.facts()
