"""AlphaNet: static subnets, their weights cut out of the one supernet that the release publishes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zoo.architectures.alphanet_subnet import Subnet, read_subnet
from zoo.card import ModelCard
from zoo.errors import WeightsError
from zoo.torch_checkpoint import next_step, read_state_dict
from zoo.torch_model import TorchModel

if TYPE_CHECKING:
    import torch

EXTRA = "torch"

# The stem's kernel in a subnet's own state; in the supernet's it has another name.
_SUBNET_MARK = "first_conv.conv.weight"


class AlphaNetModel(TorchModel):
    """A subnet behind the interface of `zoo.native.NativeModel`."""

    def __init__(self, card: ModelCard, module: torch.nn.Module, subnet: Subnet) -> None:
        super().__init__(card, module)
        self.subnet = subnet

    def apply_probe(self) -> None:
        """See `NativeModel.apply_probe`."""
        super().apply_probe()
        self.needs_recalibration, self.recalibrated = False, None

    def load_file(self, path: Path) -> None:
        """Loads the released supernet, or a state of this very subnet, strictly.

        The supernet was trained without running statistics (momentum 0), so those of its file are meaningless
        for every subnet: `needs_recalibration` is then true until `recalibrate` was called. A subnet's own state,
        as saved after that, needs nothing more.

        Raises:
            WeightsError: not a checkpoint, or neither of the two; the tensors are listed.
        """
        state = read_state_dict(path, self.card)
        whole = _SUBNET_MARK not in state
        if whole:
            from zoo.architectures.alphanet_supernet import slice_subnet

            try:
                state = slice_subnet(state, self.subnet)
            except WeightsError as error:
                raise WeightsError(f"{path} does not fit {self.card.name}: {error}; {next_step(self.card)}") from error
        self.load_state(state, path)
        self.needs_recalibration, self.recalibrated = whole, None


def build(card: ModelCard) -> AlphaNetModel:
    """The static network of the card's subnet."""
    from zoo.architectures.alphanet import AlphaNet

    subnet = read_subnet(card.architecture, card.resolution)
    return AlphaNetModel(card, AlphaNet(subnet, card.classes), subnet)
