"""GPUNet, from this project's own definition."""

from __future__ import annotations

from zoo.architectures.gpunet_block import parse_block
from zoo.card import ModelCard
from zoo.errors import CatalogError
from zoo.torch_model import TorchModel

EXTRA = "torch"

_BUILDERS = ("searched", "distilled")


def build(card: ModelCard) -> TorchModel:
    """The network of the card's blocks.

    Raises:
        CatalogError: a builder or a block that the release does not have.
    """
    from zoo.architectures.gpunet import distilled, searched

    facts = dict(card.architecture)
    builder = facts.pop("builder")
    if builder not in _BUILDERS:
        raise CatalogError(f"{card.name}: unknown builder {builder!r}; known: {', '.join(_BUILDERS)}")
    blocks = [parse_block(text) for text in facts.pop("blocks")]
    if builder == "distilled":
        # Nothing else occurs there, and the builder makes nothing else.
        strange = [b for b in blocks if (b.kind, b.activation, b.squeeze) != ("irb", "relu", False)]
        if strange:
            raise CatalogError(f"{card.name}: a distilled network has plain irb blocks with relu, not {strange[0]}")
        return TorchModel(card, distilled(blocks=blocks, classes=card.classes, **facts))
    return TorchModel(card, searched(blocks=blocks, classes=card.classes, **facts))
