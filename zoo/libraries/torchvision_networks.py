"""The networks of torchvision for classification: facts from their weights' `meta` and `transforms`."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import torchvision
from torchvision import models

from zoo.card import Checkpoint, ModelCard, Preprocessing, Published, Release, Training

SOURCE = "torchvision"

_CLASSES = 1000
"""Of weights that list no categories; torchvision builds a network for ImageNet by default."""

_DIGEST = re.compile(r"-([0-9a-f]{8,})\.pth?$")
"""Leading digits of a file's SHA-256 in its name."""

_METRICS = ("acc@1", "acc@5")

# What these functions set themselves when they load weights, so that a network with the probe's is the same network.
_AS_WITH_WEIGHTS: Mapping[str, Mapping[str, bool]] = {
    "googlenet": {"aux_logits": False, "transform_input": True, "init_weights": False},
    "inception_v3": {"transform_input": True, "init_weights": False},
}


def names(*, tagged: bool) -> list[str]:
    """See `Library.names`."""
    plain = models.list_models(module=models)
    return [f"{name}.{one.name}" for name in plain for one in models.get_model_weights(name)] if tagged else plain


def card(name: str) -> ModelCard:
    """See `Library.card`."""
    weights = _weights(name)
    preprocessing = _preprocessing(weights)
    found = _DIGEST.search(weights.url)
    return ModelCard(
        release=Release(
            source=SOURCE,
            title="torchvision",
            repository="https://github.com/pytorch/vision",
            commit="",
            package=f"torchvision=={torchvision.__version__.partition('+')[0]}",
            framework="pytorch",
            licence=weights.meta.get("license", "BSD-3-Clause"),
            paper="",
        ),
        variant=name,
        resolution=preprocessing.crop_px,
        classes=len(weights.meta.get("categories") or ()) or _CLASSES,
        parameters=0,
        macs=0,
        signature_sha256="",
        preprocessing=preprocessing,
        published=_published(weights),
        checkpoint=Checkpoint(
            url=weights.url, container="plain", tag=weights.name, sha256_prefix=found[1] if found else ""
        ),
        training=_training(weights),
        architecture={"name": name},
    )


def build(card: ModelCard, state: Mapping[str, Any] | None = None) -> Any:
    """See `Library.build`."""
    name = card.architecture["name"].partition(".")[0]
    if state is not None:
        weights = _weights(card.architecture["name"])
        with _giving(weights, state):
            return models.get_model(name, weights=weights)
    given = dict(_AS_WITH_WEIGHTS.get(name, {}))
    # The only networks whose size is not in their name.
    size = {"image_size": card.resolution} if name.startswith("vit_") else {}
    return models.get_model(name, weights=None, **given, **size)


@contextlib.contextmanager
def _giving(weights: Any, state: Mapping[str, Any]) -> Iterator[None]:
    """Has these weights give a state that was read already, where they would fetch and open a file."""
    weights.get_state_dict = lambda *_args, **_settings: dict(state)
    try:
        yield
    finally:
        del weights.get_state_dict


def _weights(name: str) -> Any:
    """The member of a network's weights that its name means."""
    network, _, tag = name.partition(".")
    known = models.get_model_weights(network)
    return known[tag] if tag else known.DEFAULT


def _training(weights: Any) -> Training:
    """What the weights learned from, as far as their name says it."""
    if not weights.name.startswith("IMAGENET1K"):
        return Training(data="", stated_in="")
    further = "the images of SWAG, by hashtags" if "SWAG" in weights.name else ""
    return Training(data="ImageNet-1k", stated_in=_place(weights), extra_data=further)


def _place(weights: Any) -> str:
    return f"torchvision {torchvision.__version__}, {type(weights).__name__}.{weights.name}"


def _published(weights: Any) -> Published:
    """The accuracy that torchvision states of these weights."""
    stated = weights.meta.get("_metrics", {}).get("ImageNet-1K", {})
    top1, top5 = (value if value is not None and math.isfinite(value) else None for value in map(stated.get, _METRICS))
    return Published(top1_percent=top1, top5_percent=top5, stated_in="" if top1 is None else _place(weights))


def _preprocessing(weights: Any) -> Preprocessing:
    """How torchvision prepares images for these weights."""
    steps = weights.transforms()
    return Preprocessing(
        rule="resize_then_crop",
        crop_px=steps.crop_size[0],
        resize_px=steps.resize_size[0],
        interpolation=steps.interpolation.value,
        library="pil",
        channel_order="RGB",
        mean=tuple(steps.mean),
        std=tuple(steps.std),
        stated_in=_place(weights),
    )
