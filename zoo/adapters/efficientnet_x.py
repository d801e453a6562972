"""EfficientNet-X and -H, from this project's own definition."""

from __future__ import annotations

from zoo.architectures.efficientnet_x_blocks import scaled_blocks
from zoo.card import ModelCard
from zoo.tensorflow_model import TensorFlowModel, require_tensorflow

EXTRA = "efficientnet_x"


def build(card: ModelCard) -> TensorFlowModel:
    """The network of the card's stages.

    Raises:
        CatalogError: a stage that cannot be read.
        MissingPackageError: no Keras that runs on TensorFlow.
    """
    blocks = scaled_blocks(card.architecture)
    require_tensorflow(card.name, EXTRA)
    from zoo.architectures.efficientnet_x import EfficientNetX, release_name

    network = EfficientNetX(card.architecture["scope"], blocks, card.architecture["width"], card.classes)
    return TensorFlowModel(card, network, release_name)
