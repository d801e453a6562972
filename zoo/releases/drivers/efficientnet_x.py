"""EfficientNet-X and -H, built by the TensorFlow 1 code of the release's repository."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.card import ModelCard
from zoo.errors import ReleaseError
from zoo.releases.drivers import import_original
from zoo.releases.graph_network import GraphNetwork
from zoo.tensorflow_model import TensorFlowModel

if TYPE_CHECKING:
    import tensorflow as tf


def build(card: ModelCard, checkouts: Mapping[str, Path]) -> TensorFlowModel:
    """The release's network of that name in its form for evaluation.

    Its layers are Keras 2's: TF_USE_LEGACY_KERAS must be set before TensorFlow is imported.
    """
    folder = checkouts["tpu"] / "models/official/efficientnet"
    # The network itself is in modules beside the builder, whose names are anyone's.
    for module in ("utils", "efficientnet_model", "efficientnet_builder"):
        import_original(module, folder)
    builder = import_original("tpu.efficientnet_x_builder", folder)
    try:
        builder.efficientnet_x_params(card.variant)
    except KeyError as error:
        raise ReleaseError(f"{card.name}: {builder.__file__} has no model {error}") from error

    def logits(images: tf.Tensor) -> tf.Tensor:
        result, _ = builder.build_model(images, card.variant, training=False)
        return result

    return TensorFlowModel(card, GraphNetwork(logits))
