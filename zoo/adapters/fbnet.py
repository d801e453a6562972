"""FBNet V1, V2 and V3: this project's definition, from the card's stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.card import ModelCard
from zoo.errors import CatalogError
from zoo.torch_model import TorchModel

EXTRA = "torch"

_BASES = ("expanded", "input")


def _check(architecture: Mapping[str, Any], name: str) -> None:
    wanted = {"stages": list, "width_divisor": int, "block_bias": bool, "squeeze_base": str}
    if set(architecture) != set(wanted):
        raise CatalogError(f"{name} architecture: needs {sorted(wanted)}, has {sorted(architecture)}")
    wrong = [key for key, kind in wanted.items() if not isinstance(architecture[key], kind)]
    if wrong:
        raise CatalogError(f"{name} architecture: wrong type of {wrong}")
    if architecture["width_divisor"] < 1:
        raise CatalogError(f"{name} architecture: width_divisor {architecture['width_divisor']} is below 1")
    if architecture["squeeze_base"] not in _BASES:
        raise CatalogError(f"{name} architecture: squeeze_base {architecture['squeeze_base']!r}, known: {_BASES}")


def build(card: ModelCard) -> TorchModel:
    """The network of the card's stages.

    Raises:
        CatalogError: the card's architecture cannot be read.
    """
    from zoo.architectures.fbnet import Conventions, FBNet
    from zoo.architectures.fbnet_blocks import parse_stages

    _check(card.architecture, card.name)
    facts = dict(card.architecture)
    stages = parse_stages(facts.pop("stages"))
    return TorchModel(card, FBNet(stages, Conventions(**facts), card.classes))
