"""The specialised networks of Once-for-All, built by the ofa package from the card's blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.card import ModelCard
from zoo.errors import CatalogError
from zoo.torch_model import TorchModel

EXTRA = "ofa"

_ACTIVATIONS = {"re": "relu", "re6": "relu6", "hs": "h_swish"}
# Per family: activation outside the blocks, and batch norm epsilon.
_FAMILIES = {"MobileNetV3": ("h_swish", 1e-5), "ProxylessNASNets": ("relu6", 1e-3)}


def parse_block(text: str, in_channels: int) -> dict[str, Any]:
    """The package's configuration of one inverted residual block.

    Args:
        text: as in `k5 s2 e4 c40 hs se skip`: kernel, stride, expansion, output channels, activation,
            then squeeze-and-excitation and identity shortcut where the block has them.
        in_channels: channels of the block's input.

    Raises:
        CatalogError: a word that no block has.
    """
    words = text.split()
    try:
        numbers = {word[0]: int(word[1:]) for word in words[:4]}
        kernel, stride, expansion, channels = (numbers[letter] for letter in "ksec")
        activation = _ACTIVATIONS[words[4]]
    except (IndexError, KeyError, ValueError) as error:
        raise CatalogError(f"cannot read the block {text!r}: {error!r}") from error
    flags = set(words[5:])
    if flags - {"se", "skip"}:
        raise CatalogError(f"cannot read the block {text!r}: unknown {sorted(flags - {'se', 'skip'})}")
    convolution = {
        "name": "MBConvLayer",
        "in_channels": in_channels,
        "out_channels": channels,
        "kernel_size": kernel,
        "stride": stride,
        "expand_ratio": expansion,
        "mid_channels": None if expansion == 1 else in_channels * expansion,
        "act_func": activation,
        "use_se": "se" in flags,
    }
    shortcut = {"name": "IdentityLayer", "in_channels": [channels], "out_channels": [channels]}
    return {
        "name": "ResidualBlock",
        "conv": convolution,
        "shortcut": shortcut if "skip" in flags else None,
    }


def _conv(in_channels: int, out_channels: int, activation: str, **more: Any) -> dict[str, Any]:
    settings = {"kernel_size": 1, "stride": 1, "bias": False, "use_bn": True, **more}
    return {
        "name": "ConvLayer",
        "in_channels": in_channels,
        "out_channels": out_channels,
        "act_func": activation,
        **settings,
    }


def network_config(architecture: Mapping[str, Any], classes: int) -> dict[str, Any]:
    """The package's configuration of a whole network from a card's architecture."""
    family = architecture["family"]
    activation, epsilon = _FAMILIES[family]
    stem_width, feature_width = architecture["stem_width"], architecture["feature_width"]
    blocks, channels = [], stem_width
    for text in architecture["blocks"]:
        blocks.append(parse_block(text, channels))
        channels = blocks[-1]["conv"]["out_channels"]
    config = {
        "name": family,
        "bn": {"momentum": 0.1, "eps": epsilon},
        "first_conv": _conv(3, stem_width, activation, kernel_size=3, stride=2),
        "blocks": blocks,
    }
    if "expand_width" in architecture:
        expand_width = architecture["expand_width"]
        config["final_expand_layer"] = _conv(channels, expand_width, activation)
        config["feature_mix_layer"] = _conv(expand_width, feature_width, activation, use_bn=False)
    else:
        config["feature_mix_layer"] = _conv(channels, feature_width, activation)
    config["classifier"] = {"name": "LinearLayer", "in_features": feature_width, "out_features": classes}
    return config


def build(card: ModelCard) -> TorchModel:
    """The network of the card's blocks."""
    from ofa.imagenet_classification.networks import get_net_by_name

    config = network_config(card.architecture, card.classes)
    return TorchModel(card, get_net_by_name(config["name"]).build_from_config(config))
