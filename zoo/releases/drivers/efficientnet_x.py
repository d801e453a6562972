"""EfficientNet-X and -H, built by the TensorFlow 1 code of the release's repository."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.card import ModelCard
from zoo.errors import MissingPackageError, ReleaseError
from zoo.releases.drivers import import_original
from zoo.releases.graph_network import GraphNetwork
from zoo.tensorflow_model import TensorFlowModel, load_triton_first

if TYPE_CHECKING:
    import tensorflow as tf


def _require_keras_2(model: str) -> None:
    """The release's layers are Keras 2's, which TensorFlow takes from a package where TF_USE_LEGACY_KERAS is set."""
    load_triton_first()
    import tensorflow as tf

    try:
        importlib.import_module("tf_keras")
    except ImportError as error:
        version = ".".join(tf.__version__.split(".")[:2])
        # With them it brings the package tensorflow, which writes over the files of tensorflow-cpu.
        raise MissingPackageError(
            f"{model}: the original code needs tf_keras, which does not import here ({error}); install the one of "
            f"this TensorFlow, without its dependencies: pip install --no-deps 'tf_keras=={version}.*'"
        ) from error


def build(card: ModelCard, checkouts: Mapping[str, Path]) -> TensorFlowModel:
    """The release's network of that name in its form for evaluation.

    Raises:
        MissingPackageError: tf_keras is not installed.
    """
    _require_keras_2(card.name)
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
