"""RegNetX and RegNetY, built by pycls from its own configurations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from zoo.card import ModelCard
from zoo.errors import ReleaseError
from zoo.releases.drivers import import_original
from zoo.torch_model import TorchModel

_CONFIGURATION = "configs/dds_baselines/{family}/{variant}_dds_8gpu.yaml"


def build(card: ModelCard, checkouts: Mapping[str, Path]) -> TorchModel:
    """The network of the configuration in the repository that the release's weights were trained with.

    pycls's own `regnetx` and `regnety` do the same, after downloading that file.
    """
    folder = checkouts["pycls"]
    family = card.variant.partition("-")[0].lower()
    file = folder / _CONFIGURATION.format(family=family, variant=card.variant)
    if not file.is_file():
        raise ReleaseError(f"{card.name}: pycls has no configuration {file}")
    config = import_original("pycls.core.config", folder)
    builders = import_original("pycls.core.builders", folder)
    config.reset_cfg()
    config.load_cfg(str(file))
    return TorchModel(card, builders.build_model())
