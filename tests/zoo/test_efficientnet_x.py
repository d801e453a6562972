"""What is special about EfficientNet-X: its scaling, space-to-depth, padding, names, and two probes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import zoo
from zoo import adapters, probe
from zoo.architectures.efficientnet_x_blocks import parse_stage, scaled_blocks
from zoo.errors import CatalogError, WeightsError
from zoo.recorded import recorded

CARDS = zoo.cards("efficientnet_x")
RECORDED = recorded("efficientnet_x")
FAST = {"efficientnet-x-b0", "efficientnet-x-tpu-b1"}
# Chaotic in float32 under the plain probe: the noise is 4e-4 and 1 of the logits.
DAMPED_ALONE = {"efficientnet-x-gpu-b6", "efficientnet-x-gpu-b7"}


def blocks_of(name):
    return scaled_blocks(zoo.card(name).architecture)


def test_every_released_model_of_the_family_has_a_card():
    assert len(CARDS) == 27
    assert {card.variant for card in CARDS if card.probe_damping} == DAMPED_ALONE
    assert all(card.architecture["scope"] == card.variant for card in CARDS)


def test_only_one_network_has_an_accuracy_and_its_source_says_that_it_is_second_hand():
    """A survey's table quotes 84.7 %, 73 M parameters and 91 G multiply-adds; they are those of one card."""
    quoted = [card for card in CARDS if (card.parameters // 10**6, card.macs // 10**9) == (73, 91)]
    (stated,) = [card for card in CARDS if card.published.top1_percent is not None]
    assert [card.variant for card in quoted] == [stated.variant] == ["efficientnet-x-b7"]
    assert stated.published.top1_percent == 84.7
    assert "2102.05610" in stated.published.stated_in
    assert "second-hand" in stated.published.stated_in
    assert {card.published.stated_in for card in CARDS if card is not stated} == {""}


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.variant)
def test_nothing_is_claimed_that_the_release_does_not_state(card):
    assert card.checkpoint.url == ""
    assert card.artifact_tolerance < probe.RUNTIME_TOLERANCE
    padding = round(card.resolution * (1 / 0.875 - 1))
    assert card.preprocessing.crop_px == card.resolution
    assert card.preprocessing.crop_fraction == card.resolution / (card.resolution + padding)


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in FAST else pytest.mark.slow) for n in RECORDED])
def test_the_damped_probe_gives_the_originals_logits_too(name):
    """It moves by 1e-2 on mistakes in the first layers that the plain probe hardly sees."""
    expected = RECORDED[name]["damped"]
    model = adapters.build(zoo.card(f"efficientnet_x/{name}"))
    factor = expected["gamma_factor"]
    model.assign(lambda tensor, shape: probe.damped_tensor(tensor, shape, factor, framework="tensorflow"))
    logits = model.logits(probe.images(model.card.resolution))
    assert probe.relative_l2(logits[:, : probe.HEAD_LENGTH], np.array(expected["logits_head"])) < 2e-5
    assert np.linalg.norm(logits.astype(np.float64)) == pytest.approx(expected["logits_l2"], rel=2e-5)
    assert logits.argmax(axis=1).tolist() == expected["argmax"]


def test_the_first_stage_runs_behind_the_space_to_depth_convolution():
    first, second = blocks_of("efficientnet-x-b0")[:2]
    assert (first.space2depth_channels, first.in_channels, first.middle_channels, first.out_channels) == (
        128,
        32,
        128,
        64,
    )
    assert first.kernel == 2
    # Its stride was taken, its input is what came out, and yet it expands the 16 channels of the table.
    assert (second.stride, second.in_channels, second.middle_channels, second.fused) == (1, 64, 96, True)
    assert second.space2depth_channels == 0


def test_the_squeeze_is_recomputed_only_in_the_block_of_the_space_to_depth():
    first, second = blocks_of("efficientnet-x-b3")[:2]
    assert (first.space2depth_channels, second.space2depth_channels) == (160, 0)
    assert first.squeezed_channels == 160 // 4 // 4
    assert second.squeezed_channels == second.in_channels // 4
    # At b0 the factor is 4: as wide as the block's input.
    assert blocks_of("efficientnet-x-b0")[3].squeezed_channels == 24


def test_h_models_expand_less_in_stages_two_to_four():
    def ratios(name):
        return {block.middle_channels / block.in_channels for block in blocks_of(name) if block.has_shortcut}

    assert ratios("efficientnet-x-b5") == {1, 6}
    assert ratios("efficientnet-h-b5") == {1, 4, 6}


def test_depth_is_rounded_up():
    assert [len(blocks_of(f"efficientnet-x-{n}")) for n in ("b0", "b1", "gpu-b7")] == [16, 23, 90]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "r1 k3 s1 e1 c16",
        "r1 k3 s1 e1 c16 gelu",
        "r1 k3 s1 e1 cx relu",
        "r1 k3 s1 e1 w16 relu",
        "r1 k3 s1 e1 c16 relu fussed",
    ],
)
def test_a_stage_that_cannot_be_read_is_quoted(text):
    with pytest.raises(CatalogError, match=f"cannot read the stage '{text}'"):
        parse_stage(text)


@pytest.fixture(scope="module")
def small():
    """The family's table at a quarter of the width."""
    card = zoo.card("efficientnet-x-b0")
    architecture = {**card.architecture, "scope": "small", "width": 0.25, "squeeze": 1}
    model = adapters.build(dataclasses.replace(card, architecture=architecture, resolution=45, classes=5))
    model.apply_probe()
    return model


def test_variables_have_the_releases_names(small):
    names = set(small.parameters())
    assert {
        "small/stem/conv2d/kernel",
        "small/stem/tpu_batch_normalization/moving_variance",
        "small/blocks_0/space2depth/conv2d/kernel",
        "small/blocks_0/depthwise_conv2d/depthwise_kernel",
        "small/blocks_0/conv2d/kernel",
        "small/blocks_1/conv2d_1/kernel",
        "small/blocks_15/tpu_batch_normalization_2/gamma",
        "small/blocks_15/se/conv2d_1/bias",
        "small/head/dense/bias",
    } <= names
    # Nothing expands before the first depthwise convolution, so the projection is the first of its kind.
    assert "small/blocks_0/conv2d_1/kernel" not in names


def test_images_of_a_batch_do_not_mix_and_one_keeps_its_axis(small):
    images = probe.images(45, 3)
    together = small.logits(images)
    alone = np.concatenate([small.logits(image[None]) for image in images])
    assert together.shape == alone.shape == (3, 5)
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


def test_odd_padding_is_at_the_bottom_and_right(small):
    """TensorFlow's SAME: a stem of stride 2 on an even side begins with the first pixel itself."""
    import tensorflow as tf

    stem = small.module.stem.convolution
    image = np.zeros((1, 8, 8, 3), np.float32)
    image[0, 0, 0] = 1
    touched = np.abs(stem(tf.constant(image)).numpy()).sum(axis=-1)[0] > 0
    assert touched[0, 0]
    assert touched.sum() == 1
    np.testing.assert_allclose(stem(tf.constant(image))[0, 0, 0], stem.kernel.numpy()[0, 0].sum(axis=0), rtol=1e-5)


def test_batch_norm_is_the_one_that_keras_spells_out(small):
    import keras

    norm = small.module.stem.norm
    reference = keras.layers.BatchNormalization(epsilon=1e-3)
    reference.build((None, None, None, 8))
    reference.set_weights(norm.get_weights())
    features = np.random.default_rng(0).standard_normal((2, 3, 3, 8)).astype(np.float32)
    np.testing.assert_allclose(norm(features), reference(features, training=False), rtol=1e-5, atol=1e-6)


def test_released_weights_were_never_published():
    with pytest.raises(WeightsError, match="no checkpoint of efficientnet_x/efficientnet-x-b0 was ever published"):
        zoo.load("efficientnet-x-b0", weights="released")
