"""The inputs of libraries' networks: bit for bit what timm's and torchvision's own transforms make of an image."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.card import ModelCard
from zoo.preprocessing import Decoded, described, pipeline

timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")

SIZES = [(500, 375), (97, 331), (640, 640)]


def picture(width: int, height: int) -> Decoded:
    rng = np.random.default_rng(width)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    return Decoded(np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)))


def made(card: ModelCard, decoded: Decoded) -> np.ndarray:
    steps = pipeline(card.preprocessing, card.resolution)
    return steps.normalised(steps.resampled(decoded))


# One of each kind: cropped in bicubic and bilinear, of 0.5 alone, squashed whole, squashed and cropped.
KINDS = {
    "mobilenetv4_conv_small": ("resize_then_crop", "bicubic"),
    "tf_mobilenetv3_small_minimal_100": ("resize_then_crop", "bilinear"),
    "test_vit": ("resize_then_crop", "bicubic"),
    "convnext_tiny.in12k_ft_in1k_384": ("squash", "bicubic"),
}


def cropped_squash() -> str:
    """A network whose images are squashed to more than its input, then cropped."""
    for name in timm.list_models(pretrained=True):
        facts = timm.get_pretrained_cfg(name)
        if facts.crop_mode == "squash" and facts.crop_pct < 1:
            return name
    raise LookupError("timm has none any more")


@pytest.mark.parametrize("name", [*KINDS, "a cropped squash"])
def test_an_input_is_that_of_timms_own_transform(name: str) -> None:
    known = name in KINDS
    name = name if known else cropped_squash()
    card = zoo.card(f"timm/{name}")
    preprocessing = card.preprocessing
    assert not known or KINDS[name] == (preprocessing.rule, preprocessing.interpolation)
    assert known or (preprocessing.resize_px or 0) > preprocessing.crop_px
    facts = timm.get_pretrained_cfg(name).to_dict()
    transform = timm.data.create_transform(**timm.data.resolve_data_config(facts))
    for size in SIZES:
        decoded = picture(*size)
        np.testing.assert_array_equal(made(card, decoded), transform(decoded.image).numpy())


@pytest.mark.parametrize(
    "name",
    ["mobilenet_v3_small", "inception_v3", "resnet50", "vit_b_16.IMAGENET1K_SWAG_E2E_V1", "vgg16.IMAGENET1K_FEATURES"],
)
def test_an_input_is_that_of_torchvisions_own_transform(name: str) -> None:
    network, _, tag = name.partition(".")
    known = torchvision.models.get_model_weights(network)
    transform = (known[tag] if tag else known.DEFAULT).transforms()
    for size in SIZES:
        decoded = picture(*size)
        expected = transform(decoded.image).numpy()
        np.testing.assert_array_equal(made(zoo.card(f"torchvision/{name}"), decoded), expected)


def test_a_cropped_squash_has_words_of_its_own() -> None:
    card = zoo.card(f"timm/{cropped_squash()}")
    resize_px, crop_px = card.preprocessing.resize_px, card.preprocessing.crop_px
    words = described(pipeline(card.preprocessing, card.resolution))
    assert words.startswith(
        f"both sides to {resize_px} px (Pillow {card.preprocessing.interpolation}), centre {crop_px} px"
    )
