from __future__ import annotations

import pytest

import zoo
from zoo.preprocessing import described, pipeline

IMAGENET = "mean 0.485 0.456 0.406, std 0.229 0.224 0.225"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            "ofa/flops-595M_top1-80.0_finetune-75",
            f"shorter side to 270 px (Pillow bilinear), centre 236 px, RGB, {IMAGENET}",
        ),
        (
            "resnest/resnest50",
            f"centre square of 0.875 of the shorter side, to 224 px (Pillow bicubic), RGB, {IMAGENET}",
        ),
        (
            "regnet/RegNetX-200MF",
            "shorter side to 256 px (OpenCV bilinear), centre 224 px, BGR, mean 0.406 0.456 0.485, "
            "std 0.225 0.224 0.229",
        ),
        (
            "alphanet/a0",
            f"shorter side to 256 px (Pillow bicubic), centre 224 px, RGB, {IMAGENET}, that tensor to 192 px "
            "(PyTorch bicubic)",
        ),
    ],
)
def test_the_words_of_a_card(model, words):
    card = zoo.card(model)
    assert described(pipeline(card.preprocessing, card.resolution)) == words


def test_the_words_of_every_rule():
    cards = {card.preprocessing.rule: card for card in zoo.cards()}
    begin = {rule: described(pipeline(card.preprocessing, card.resolution)) for rule, card in cards.items()}
    assert begin["squash"].startswith("both sides to 448 px (Pillow bicubic), RGB, ")
    assert begin["none"].startswith("images of 32 px as they are, RGB, ")


def test_different_pipelines_have_different_words():
    steps = {pipeline(card.preprocessing, card.resolution) for card in zoo.cards()}
    assert len({described(one) for one in steps}) == len(steps)
