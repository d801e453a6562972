"""The networks of timm: facts from its `pretrained_cfg`, built and loaded by timm itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import timm
from timm.data import resolve_data_config

from zoo.card import Checkpoint, ModelCard, Preprocessing, Published, Release, Training

SOURCE = "timm"

_HUB = "https://huggingface.co/"
_STATES_NO_ACCURACY = f"none: timm {timm.__version__} installs no table of results"


def names(*, tagged: bool) -> list[str]:
    """See `Library.names`."""
    return list(timm.list_models(pretrained=tagged))


def card(name: str) -> ModelCard:
    """See `Library.card`."""
    facts = timm.get_pretrained_cfg(name)
    preprocessing = _preprocessing(facts.to_dict())
    return ModelCard(
        release=Release(
            source=SOURCE,
            title="timm",
            repository="https://github.com/huggingface/pytorch-image-models",
            commit="",
            package=f"timm=={timm.__version__}",
            framework="pytorch",
            licence=facts.license or "",
            paper="",
        ),
        variant=name,
        resolution=preprocessing.crop_px,
        classes=facts.num_classes,
        parameters=0,
        macs=0,
        signature_sha256="",
        preprocessing=preprocessing,
        published=Published(top1_percent=None, top5_percent=None, stated_in=_STATES_NO_ACCURACY),
        checkpoint=Checkpoint(url=_url(facts), container="state_dict|model", tag=facts.tag or ""),
        training=Training(data="", stated_in=""),
        architecture={"name": name},
    )


def build(card: ModelCard, state: Mapping[str, Any] | None = None) -> Any:
    """See `Library.build`."""
    name = card.architecture["name"]
    if state is None:
        return timm.create_model(name)
    module = timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"state_dict": dict(state)})
    # timm leaves the state beside the network, where every copy of the network would copy it too.
    for record in ("pretrained_cfg", "default_cfg"):
        vars(module).pop(record, None)
    return module


def _url(facts: Any) -> str:
    """Where the weights are: a repository of the Hub, otherwise a file; empty if none were published."""
    return f"{_HUB}{facts.hf_hub_id}" if facts.hf_hub_id else facts.url or ""


def _preprocessing(facts: dict[str, Any]) -> Preprocessing:
    """How timm prepares images at the size that it trained with (`timm.data.create_transform`)."""
    how = resolve_data_config(facts, use_test_size=False)
    crop_px, is_squashed = how["input_size"][-1], how["crop_mode"] == "squash"
    resize_px = math.floor(crop_px / how["crop_pct"])
    return Preprocessing(
        rule="squash" if is_squashed else "resize_then_crop",
        crop_px=crop_px,
        resize_px=None if is_squashed and resize_px == crop_px else resize_px,
        interpolation=how["interpolation"],
        library="pil",
        channel_order="RGB",
        mean=tuple(how["mean"]),
        std=tuple(how["std"]),
        stated_in=f"timm {timm.__version__}, pretrained_cfg",
    )
