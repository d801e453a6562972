"""RegNetX and RegNetY from pycls."""

from __future__ import annotations

from zoo.card import ModelCard
from zoo.torch_model import TorchModel

EXTRA = "regnet"

# What every RegNet of the release shares: its model zoo's configurations state them one by one.
_STEM_WIDTH = 32
_STRIDE = 2
_BOTTLENECK_MULTIPLIER = 1.0


def build(card: ModelCard) -> TorchModel:
    """An AnyNet with the card's stage table.

    pycls's own `RegNet` and model zoo read a global configuration, and the latter downloads it;
    `AnyNet` takes the same table as arguments.
    """
    from pycls.models.anynet import AnyNet

    table = card.architecture
    stages = len(table["depths"])
    module = AnyNet(
        stem_type="simple_stem_in",
        stem_w=_STEM_WIDTH,
        block_type="res_bottleneck_block",
        ds=table["depths"],
        ws=table["widths"],
        ss=[_STRIDE] * stages,
        bms=[_BOTTLENECK_MULTIPLIER] * stages,
        gws=table["group_widths"],
        se_r=table.get("se_ratio"),
        nc=card.classes,
    )
    return TorchModel(card, module)
