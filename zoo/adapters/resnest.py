"""ResNeSt from the release's own package."""

from __future__ import annotations

from zoo.card import ModelCard
from zoo.torch_model import TorchModel

EXTRA = "resnest"


def build(card: ModelCard) -> TorchModel:
    """The package's network of that name, without its download."""
    import resnest.torch as release

    return TorchModel(card, getattr(release, card.architecture["name"])(pretrained=False))
