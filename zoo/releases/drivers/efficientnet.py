"""EfficientNet, built by timm as its repository holds it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from zoo.card import ModelCard
from zoo.errors import ReleaseError
from zoo.releases.drivers import import_original
from zoo.torch_model import TorchModel


def build(card: ModelCard, checkouts: Mapping[str, Path]) -> TorchModel:
    """The network that timm creates by that name, in the way its `onnx_export.py` does."""
    folder = checkouts["pytorch-image-models"]
    timm = import_original("timm", folder)
    if not timm.is_model(card.variant):
        raise ReleaseError(f"{card.name}: timm in {folder} has no model of that name")
    return TorchModel(card, timm.create_model(card.variant, pretrained=False, exportable=True))
