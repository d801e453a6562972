"""ResNeSt, from the release's repository."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from zoo.card import ModelCard
from zoo.errors import ReleaseError
from zoo.releases.drivers import import_original
from zoo.torch_model import TorchModel


def build(card: ModelCard, checkouts: Mapping[str, Path]) -> TorchModel:
    """The release's network of that name, without its download."""
    folder = checkouts["ResNeSt"]
    release = import_original("resnest.torch", folder)
    network = getattr(release, card.variant, None)
    if network is None:
        raise ReleaseError(f"{card.name}: resnest.torch in {folder} has no model of that name")
    return TorchModel(card, network(pretrained=False))
