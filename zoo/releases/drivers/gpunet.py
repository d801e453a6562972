"""GPUNet: NVIDIA/DeepLearningExamples, PyTorch/Classification/GPUNet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from zoo.card import ModelCard
from zoo.releases.drivers import import_original
from zoo.torch_model import TorchModel


def build(card: ModelCard, checkouts: Mapping[str, Path]) -> TorchModel:
    """The release's builder on the release's own table of layers."""
    folder = checkouts["DeepLearningExamples"] / "PyTorch" / "Classification" / "GPUNet"
    hub = import_original("configs.model_hub", folder)
    builder = import_original("models.gpunet_builder", folder).GPUNet_Builder()
    layers, _ = hub.get_configs(
        batch=1,
        latency=hub.MODEL_ZOO_NAME2TYPE_B1[card.variant],
        gpuType="GV100",
        config_root_dir=str(folder / "configs"),
        download=False,
    )
    return TorchModel(card, builder.get_model(layers))
