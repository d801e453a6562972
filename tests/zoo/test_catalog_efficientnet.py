"""EfficientNet's cards: every tag of timm has one, and the architecture's own has weights of ImageNet-1k alone."""

from __future__ import annotations

import re

import pytest

import zoo

EFFICIENTNETS = zoo.cards("efficientnet")
ARCHITECTURES = [card for card in EFFICIENTNETS if card.variant == card.architecture["name"]]
WITHOUT_IMAGENET_WEIGHTS = {"efficientnet_b5"}
"""Architectures of which timm has no weights that learned from ImageNet-1k alone."""


def by_name(cards):
    return pytest.mark.parametrize("card", cards, ids=lambda card: card.name)


def test_what_reached_the_weights_is_one_text():
    training = {name: zoo.card(f"efficientnet/{name}").training for name in ("efficientnet_b0", "efficientnet_b5")}
    assert training["efficientnet_b0"].all_data == "ImageNet-1k"
    assert training["efficientnet_b5"].all_data == "ImageNet-1k + ImageNet-12k (labelled)"


@by_name(ARCHITECTURES)
def test_the_weights_of_an_architecture_learned_from_imagenet_alone(card):
    alone = card.training.all_data == "ImageNet-1k" and not card.training.teacher
    assert alone == (card.variant not in WITHOUT_IMAGENET_WEIGHTS)


@by_name(ARCHITECTURES)
def test_every_tag_of_timm_with_imagenets_classes_has_one_card(card):
    import timm

    name = card.variant
    tags = [tag for tag in timm.list_pretrained(f"{name}.*") if timm.get_pretrained_cfg(tag).num_classes == 1000]
    cards = [one for one in EFFICIENTNETS if one.architecture["name"] == name]
    assert sorted(f"{name}.{one.checkpoint.tag}" for one in cards) == sorted(tags)
    # The architecture's own card is its first, so that it stands for all of them where they share one artifact.
    assert cards[0] == card
    assert [one.variant for one in cards[1:]] == [f"{name}.{one.checkpoint.tag}" for one in cards[1:]]


@by_name(EFFICIENTNETS)
def test_the_training_agrees_with_the_tag(card):
    """timm's tags name the data (`jft`, `in12k`), the epochs of some (`e3600`) and the resolution of some (`r240`)."""
    training, tag = card.training, card.checkpoint.tag
    assert ("JFT-300M (unlabelled)" in training.all_data) == bool(training.teacher) == ("jft" in tag)
    assert ("ImageNet-12k (labelled)" in training.all_data) == ("in12k" in tag)
    if epochs := re.search(r"_e(\d+)_", tag):
        assert training.epochs == int(epochs[1])
    if resolution := re.search(r"_r(\d+)_", tag):
        assert training.resolution_px == int(resolution[1])
