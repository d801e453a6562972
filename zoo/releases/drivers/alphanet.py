"""AlphaNet: the subnets of facebookresearch/AlphaNet, out of the supernet of facebookresearch/AttentiveNAS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from zoo.adapters.alphanet import AlphaNetModel
from zoo.architectures.alphanet_subnet import read_subnet
from zoo.card import ModelCard
from zoo.releases.drivers import answering, import_original


def build(card: ModelCard, checkouts: Mapping[str, Path]) -> AlphaNetModel:
    """The release's supernet, set to the release's own table of the subnet, and cut."""
    code = checkouts["AttentiveNAS"]
    configuration = checkouts["AlphaNet"] / "configs" / "eval_alphanet_models.yml"
    settings = import_original("utils.config", code).setup(str(configuration))
    factory = import_original("models.model_factory", code)
    supernet = factory.create_model(settings, arch="attentive_nas_dynamic_model")
    supernet.set_active_subnet(**settings.pareto_models[card.variant])
    subnet = supernet.get_active_subnet()
    # The release squeezes, and so loses the batch axis of a single image.
    with_batch = answering(subnet, lambda logits: logits.reshape(-1, card.classes))
    return AlphaNetModel(card, with_batch, read_subnet(card.architecture, card.resolution))
