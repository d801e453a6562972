"""LaNet, from this project's own definition."""

from __future__ import annotations

from zoo.architectures.lanet_cell import parse_cell
from zoo.card import ModelCard
from zoo.torch_model import TorchModel

EXTRA = "torch"


def build(card: ModelCard) -> TorchModel:
    """The network of the card's cell; what is converted is its copy with folded weights.

    Raises:
        CatalogError: a node that no cell has.
    """
    from zoo.architectures.lanet import LaNet
    from zoo.architectures.weight_standardisation import fold

    facts = card.architecture
    nodes = parse_cell(facts["nodes"])
    module = LaNet(nodes, channels=facts["channels"], cells=facts["cells"], classes=card.classes)
    return TorchModel(card, module, deploy=fold)
