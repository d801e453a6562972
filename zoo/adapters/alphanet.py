"""AlphaNet: static subnets, their weights cut out of the one supernet that the release publishes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoo.architectures.alphanet_subnet import Subnet, read_subnet
from zoo.card import ModelCard
from zoo.errors import WeightsError
from zoo.torch_model import TorchModel, read_state_dict

if TYPE_CHECKING:
    import torch

EXTRA = "torch"

CALIBRATION_BATCHES = 64
CALIBRATION_BATCH_SIZE = 256
"""What the release recalibrates on: this many batches of training images under the training augmentation."""

# The release's training code saves its configuration beside the state, as instances of these dict classes.
_CONFIGURATION_CLASSES = ("utils.config.Config", "utils.config.AttrDict")
# The stem's kernel in a subnet's own state; in the supernet's it has another name.
_SUBNET_MARK = "first_conv.conv.weight"


class AlphaNetModel(TorchModel):
    """A subnet behind the interface of `zoo.native.NativeModel`."""

    def __init__(self, card: ModelCard, module: torch.nn.Module, subnet: Subnet) -> None:
        super().__init__(card, module)
        self.subnet = subnet
        self.needs_recalibration = False
        """Whether the running statistics are the supernet's, with which the logits mean nothing."""

    def apply_probe(self) -> None:
        """See `NativeModel.apply_probe`."""
        super().apply_probe()
        self.needs_recalibration = False

    def load_file(self, path: Path) -> None:
        """Loads the released supernet, or a state of this very subnet, strictly.

        The supernet was trained without running statistics (momentum 0), so those of its file are meaningless
        for every subnet: `needs_recalibration` is then true until `recalibrate` was called. A subnet's own state,
        as saved after that, needs nothing more.

        Raises:
            WeightsError: not a checkpoint, or neither of the two; the tensors are listed.
        """
        state = self._read(path)
        if _SUBNET_MARK in state:
            self.load_state(state, path)
            self.needs_recalibration = False
            return
        from zoo.architectures.alphanet_supernet import slice_subnet

        try:
            subnet_state = slice_subnet(state, self.subnet)
        except WeightsError as error:
            raise WeightsError(f"{path} does not fit {self.card.name}: {error}") from error
        self.load_state(subnet_state, path)
        self.needs_recalibration = True

    def _read(self, path: Path) -> dict[str, torch.Tensor]:
        import torch

        # Read as plain ordered dicts, so that no code but PyTorch's own sees what the file holds.
        known: list[Any] = [(OrderedDict, name) for name in _CONFIGURATION_CLASSES]
        with torch.serialization.safe_globals(known):
            return read_state_dict(path, self.card)

    def recalibrate(self, batches: Iterable[NDArray[np.float32]]) -> int:
        """Measures the running statistics on images, as the release does before it evaluates a subnet.

        Deterministic: the same batches in the same order give the same statistics. The release takes
        `CALIBRATION_BATCHES` batches of `CALIBRATION_BATCH_SIZE` training images, each of 224 pixels.

        Args:
            batches: normalised images, float32 (N, 3, H, W) each; another size than the subnet's is resized
                by the network.

        Returns:
            Number of batches.

        Raises:
            WeightsError: no batch, or statistics that are not finite; the old ones are then kept.
        """
        import torch

        from zoo.recalibration import recalibrate

        count = recalibrate(self.module, (torch.from_numpy(batch) for batch in batches))
        self.needs_recalibration = False
        return count


def build(card: ModelCard) -> AlphaNetModel:
    """The static network of the card's subnet."""
    from zoo.architectures.alphanet import AlphaNet

    subnet = read_subnet(card.architecture, card.resolution)
    return AlphaNetModel(card, AlphaNet(subnet, card.classes), subnet)
