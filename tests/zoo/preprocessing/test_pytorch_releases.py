"""Every release in PyTorch except pycls: bit for bit what torchvision, timm and ResNeSt make of an image."""

from __future__ import annotations

import numpy as np
import pytest

import zoo
from zoo.preprocessing import Decoded, UnreadableImageError, pipeline
from zoo.preprocessing.sizes import resized_size

torch = pytest.importorskip("torch")
transforms = pytest.importorskip("torchvision.transforms")

SIZES = [(1, 1), (3, 5), (500, 375), (333, 500), (224, 224), (256, 320), (257, 255), (1600, 80), (4000, 3000)]
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])

# Shorter side and crop, as each release's evaluation has them.
RULES = {
    "fbnet/fbnet_a": (256, 224, "bilinear"),
    "fbnet/FBNetV3_C": (272, 248, "bilinear"),
    "ofa/flops-595M_top1-80.0_finetune-75": (270, 236, "bilinear"),
    "alphanet/a1": (256, 224, "bicubic"),
    "gpunet/GPUNet-0": (320, 320, "bicubic"),
    "gpunet/GPUNet-P0": (256, 224, "bicubic"),
}


def made(card, decoded):
    steps = pipeline(card.preprocessing, card.resolution)
    return steps.normalised(steps.resampled(decoded))


def usual(resize_px, crop_px, interpolation, mean=IMAGENET[0], std=IMAGENET[1]):
    return transforms.Compose(
        [
            transforms.Resize(resize_px, getattr(transforms.InterpolationMode, interpolation.upper())),
            transforms.CenterCrop(crop_px),
            transforms.ToTensor(),
            transforms.Normalize(mean, std),
        ]
    )


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", RULES)
def test_resize_then_crop_is_torchvisions(name, size, picture):
    decoded = picture(*size)
    expected = usual(*RULES[name])(decoded.image).numpy()
    np.testing.assert_array_equal(made(zoo.card(name), decoded), expected)


@pytest.mark.parametrize("name", zoo.list_models("efficientnet"))
def test_efficientnets_input_is_that_of_timms_own_transform(name, picture):
    timm = pytest.importorskip("timm")
    card = zoo.card(name)
    facts = timm.models.get_pretrained_cfg(f"{card.architecture['name']}.{card.checkpoint.tag}").to_dict()
    transform = timm.data.create_transform(**timm.data.resolve_data_config(pretrained_cfg=facts))
    for size in [(500, 375), (97, 331), (3, 5)]:
        decoded = picture(*size)
        np.testing.assert_array_equal(made(card, decoded), transform(decoded.image).numpy())


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", ["resnest50", "resnest101", "resnest200", "resnest269"])
def test_resnests_crop_is_that_of_its_own_code(name, size, picture):
    centre_crop = pytest.importorskip("resnest.transforms").ECenterCrop
    card, decoded = zoo.card(name), picture(*size)
    steps = [centre_crop(card.resolution), transforms.ToTensor(), transforms.Normalize(*IMAGENET)]
    np.testing.assert_array_equal(made(card, decoded), transforms.Compose(steps)(decoded.image).numpy())


@pytest.mark.parametrize("card", zoo.cards("ofa"), ids=lambda card: card.variant)
def test_ofas_input_is_that_of_its_own_provider(card, picture):
    """One transform per resolution: the same as its evaluation script's."""
    imagenet = pytest.importorskip("ofa.imagenet_classification.data_providers.imagenet")
    provider = imagenet.ImagenetDataProvider.__new__(imagenet.ImagenetDataProvider)
    decoded = picture(500, 375)
    expected = provider.build_valid_transform(card.resolution)(decoded.image).numpy()
    np.testing.assert_array_equal(made(card, decoded), expected)


@pytest.mark.parametrize("card", zoo.cards("alphanet"), ids=lambda card: card.variant)
def test_alphanets_input_is_the_crop_as_its_model_resizes_it(card, picture):
    """The release's model does it in its first line; equal up to the order of float32 roundings."""
    decoded = picture(500, 375)
    tensor = usual(256, 224, "bicubic")(decoded.image)[None]
    if card.resolution != 224:
        tensor = torch.nn.functional.interpolate(tensor, size=card.resolution, mode="bicubic")
    found = made(card, decoded)
    assert found.shape == (3, card.resolution, card.resolution)
    np.testing.assert_allclose(found, tensor[0].numpy(), rtol=0, atol=5e-6)


def test_alphanets_subnets_share_one_crop():
    steps = {pipeline(card.preprocessing, card.resolution) for card in zoo.cards("alphanet")}
    assert len(steps) == 4
    assert len({one.resampling for one in steps}) == 1


def test_lanet_takes_cifars_images_as_they_are(picture):
    (card,) = zoo.cards("lanet")
    decoded = picture(32, 32)
    to_tensor = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.Normalize([0.49139968, 0.48215827, 0.44653124], [0.24703233, 0.24348505, 0.26158768]),
        ]
    )
    np.testing.assert_array_equal(made(card, decoded), to_tensor(decoded.image).numpy())
    with pytest.raises(UnreadableImageError, match=r"33 x 32 pixels; the release takes .* 32 x 32 as they are"):
        made(card, picture(33, 32))


def test_an_image_too_narrow_to_resize_is_reported():
    with pytest.raises(UnreadableImageError, match=r"1 x 3000 pixels would be resized to 256 x 768000"):
        made(zoo.card("fbnet/fbnet_a"), Decoded(np.zeros((3000, 1, 3), np.uint8)))


def test_the_longer_side_is_rounded_as_torchvision_rounds_it():
    functional = pytest.importorskip("torchvision.transforms.functional")
    rng = np.random.default_rng(0)
    for width, height, shorter in rng.integers(1, 6000, (2000, 3)).tolist():
        expected = functional._compute_resized_output_size((height, width), [shorter])
        assert resized_size(width, height, shorter) == tuple(expected[::-1])
