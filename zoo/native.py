"""The native model: one interface over the frameworks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zoo.card import ModelCard


class NativeModel(Protocol):
    """The framework's own network built from a card, with its weights."""

    card: ModelCard
    module: Any
    """The framework object: a `torch.nn.Module` in evaluation mode, or a Keras model."""
    implementation: str
    """Whose code built it: `package` (the release's package), `own` (this project's definition) or `release`."""
    weights: str
    """What the weights are: `probe`, `released` (fetched from the release), `file` (another checkpoint) or `own`."""
    needs_recalibration: bool
    """Whether the running statistics are another network's: until measured on images, the logits mean nothing."""
    checkpoint: Mapping[str, str]
    """The file that the weights come from: `sha256`, and for a released one also `url` and `tag`; otherwise empty.

    Of a user's file also the `entry` that was taken and `other_entries` that it has, the `prefix` that the names of its
    tensors had, and the number of `tensors_left_out`, each if there is one.
    """
    recalibrated: Mapping[str, Any] | None
    """The training images that the running statistics were measured on (`TrainingImages.facts`); None if they are the
    checkpoint's own."""

    def deployable(self) -> Any:
        """The framework object to convert: `module`, or an equivalent one for the present weights.

        It is not `module` if the release recomputes for every image what depends on the weights alone.
        """
        ...

    def parameters(self) -> dict[str, NDArray[Any]]:
        """Every tensor of the state under the release's own name: float32, counters in their own type."""
        ...

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits of preprocessed images.

        Args:
            images: float32 (N, 3, R, R).

        Returns:
            float32 (N, classes).
        """
        ...

    def signature_sha256(self) -> str:
        """Digest of the state's names, shapes and types (`zoo.probe.signature_sha256`)."""
        ...

    def weights_sha256(self) -> str:
        """Digest of the weights themselves (`zoo.probe.weights_sha256`)."""
        ...

    def count_parameters(self) -> int:
        """Number of trainable parameters."""
        ...

    def count_macs(self) -> int:
        """Multiply-adds of one image in convolutions and linear layers."""
        ...

    def apply_probe(self) -> None:
        """Sets the probe's weights (`zoo.probe`), in place."""
        ...

    def load_file(self, path: Path) -> None:
        """Loads a released checkpoint file, strictly and without executing anything in it.

        Raises:
            WeightsError: the file is not a checkpoint, or not one of this network; the message lists the tensors.
        """
        ...
