"""Preprocessing in the cards, compared with the rule that each release's evaluation follows."""

from __future__ import annotations

import math

import pytest

import zoo

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def cards_of(source):
    return pytest.mark.parametrize("card", zoo.cards(source), ids=lambda card: card.variant)


@cards_of("efficientnet")
def test_efficientnet_follows_timms_configuration_of_its_tag(card):
    """timm/data/transforms_factory.py: the shorter side is the input's over the crop's fraction, rounded down."""
    import timm

    facts, config = card.preprocessing, timm.get_pretrained_cfg(f"{card.architecture['name']}.{card.checkpoint.tag}")
    assert (config.tag, config.num_classes) == (card.checkpoint.tag, card.classes)
    assert config.input_size == (3, card.resolution, card.resolution)
    assert (config.mean, config.std, config.interpolation) == (facts.mean, facts.std, facts.interpolation)
    if config.crop_mode == "squash":
        assert (facts.rule, config.crop_pct) == ("squash", 1.0)
    else:
        assert facts.rule == "resize_then_crop"
        assert facts.resize_px == math.floor(card.resolution / config.crop_pct)
    if card.checkpoint.sha256_prefix:
        assert config.url == card.checkpoint.url
    else:
        assert f"https://huggingface.co/{config.hf_hub_id}" == card.checkpoint.url


@cards_of("ofa")
def test_ofa_resizes_to_eight_sevenths_rounded_up(card):
    """eval_specialized_net.py."""
    facts = card.preprocessing
    assert (facts.rule, facts.resize_px) == ("resize_then_crop", math.ceil(card.resolution / 0.875))
    assert (facts.interpolation, facts.mean, facts.std) == ("bilinear", IMAGENET_MEAN, IMAGENET_STD)


@cards_of("regnet")
def test_regnet_crops_224_of_256_in_blue_green_red(card):
    """pycls/datasets/imagenet.py; every configuration's TEST.IM_SIZE and TRAIN.IM_SIZE."""
    facts = card.preprocessing
    assert (facts.resize_px, facts.crop_px, facts.channel_order) == (256, 224, "BGR")
    assert (facts.mean, facts.std) == (IMAGENET_MEAN[::-1], IMAGENET_STD[::-1])


@cards_of("resnest")
def test_resnest_crops_a_fraction_that_leaves_32_pixels(card):
    """scripts/torch/verify.py."""
    facts = card.preprocessing
    assert (facts.rule, facts.crop_fraction) == ("crop_then_resize", card.resolution / (card.resolution + 32))
    assert (facts.interpolation, facts.mean, facts.std) == ("bicubic", IMAGENET_MEAN, IMAGENET_STD)


@cards_of("efficientnet_x")
def test_efficientnet_x_crops_a_fraction_with_a_rounded_border(card):
    """models/official/efficientnet/preprocessing.py."""
    facts, border_px = card.preprocessing, round(card.resolution * (1 / 0.875 - 1))
    assert (facts.rule, facts.crop_fraction) == ("crop_then_resize", card.resolution / (card.resolution + border_px))
    assert (facts.interpolation, facts.mean, facts.std) == ("bicubic", IMAGENET_MEAN, IMAGENET_STD)
