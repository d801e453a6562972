"""EfficientNet from timm."""

from __future__ import annotations

from zoo.card import ModelCard
from zoo.torch_model import TorchModel

EXTRA = "efficientnet"


def build(card: ModelCard) -> TorchModel:
    """The timm architecture of that name; `exportable` keeps jit-scripted activations out of the graph."""
    import timm

    return TorchModel(card, timm.create_model(card.architecture["name"], pretrained=False, exportable=True))
