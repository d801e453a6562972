"""FBNet V1, V2 and V3: mobile_cv of facebookresearch/mobile-vision, at two commits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from zoo.card import ModelCard
from zoo.releases.drivers import import_original
from zoo.torch_model import TorchModel

# Of these the newer commit has at most the accuracy, and no definition.
_OLDER = ("dmasking_f1", "dmasking_f4", "dmasking_l2_hs", "dmasking_l3", "fbnet_ase", "fbnet_bse", "fbnet_cse")


def build(card: ModelCard, checkouts: Mapping[str, Path]) -> TorchModel:
    """The release's classifier of that name."""
    folder = checkouts["mobile-vision-2021" if card.variant in _OLDER else "mobile-vision"]
    models = import_original("mobile_cv.model_zoo.models.fbnet_v2", folder)
    return TorchModel(card, models.fbnet(card.variant, pretrained=False))
