"""The specialised networks of Once-for-All, built by the release's repository.

Their configurations are no part of that repository: han-cai/files holds them. They are written here from the
card's blocks, as for the installed package.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from zoo.adapters.ofa import network_config
from zoo.card import ModelCard
from zoo.errors import ReleaseError
from zoo.releases.drivers import import_original
from zoo.torch_model import TorchModel


def build(card: ModelCard, checkouts: Mapping[str, Path]) -> TorchModel:
    """The network of the card's blocks, by the release's `build_from_config`."""
    folder = checkouts["once-for-all"]
    networks = import_original("ofa.imagenet_classification.networks", folder)
    config = network_config(card.architecture, card.classes)
    try:
        family = networks.get_net_by_name(config["name"])
    except ValueError as error:
        raise ReleaseError(f"{card.name}: ofa in {folder} has no networks of that family ({error})") from error
    return TorchModel(card, family.build_from_config(config))
