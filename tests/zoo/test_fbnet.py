"""What is special about FBNet: its block words, widths, paddings, biases and the released counts."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
import torch
from torch import nn

import zoo
from zoo import adapters, probe
from zoo.architectures.fbnet import (
    ChannelShuffle,
    Conventions,
    FBNet,
    HardSigmoid,
    HardSwish,
    InvertedResidual,
    PoolBlock,
    Skip,
)
from zoo.architectures.fbnet_blocks import Block, parse_blocks, parse_stages
from zoo.errors import CatalogError, WeightsError
from zoo.recorded import recorded

CARDS = zoo.cards("fbnet")
RECORDED = recorded("fbnet")

OLD = Conventions(width_divisor=1, block_bias=True, squeeze_base="expanded")
V2 = Conventions(width_divisor=8, block_bias=False, squeeze_base="expanded")
V3 = Conventions(width_divisor=8, block_bias=False, squeeze_base="input")


@functools.cache
def on_shapes(name):
    """The network on the meta device: its structure without its weights."""
    with torch.device("meta"):
        return adapters.build(zoo.card(name)).module


def biased(module):
    """Names of the convolutions with a bias."""
    return {name for name, conv in module.named_modules() if isinstance(conv, nn.Conv2d) and conv.bias is not None}


def test_every_released_model_has_a_card_and_a_reference():
    assert len(CARDS) == 23
    assert {card.variant for card in CARDS} == set(RECORDED)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_cards_state_what_the_originals_count(card):
    facts = RECORDED[card.variant]
    assert (card.parameters, card.macs, card.signature_sha256, card.probe_variance_scale) == (
        facts["parameters"],
        facts["macs"],
        facts["signature_sha256"],
        facts["variance_scale"],
    )


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_facts_are_complete_and_plausible(card):
    assert card.preprocessing.rule == "resize_then_crop"
    assert card.preprocessing.crop_px == card.resolution < card.preprocessing.resize_px
    assert 68 < card.published.top1_percent < card.published.top5_percent < 97
    assert card.checkpoint.url.startswith("https://dl.fbaipublicfiles.com/fbnet/")
    assert card.release.package == ""


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_the_published_parameters_are_those_outside_norms_and_convolution_biases(card):
    module = on_shapes(card.name)
    counted = sum(conv.weight.numel() for conv in module.modules() if isinstance(conv, nn.Conv2d))
    assert counted / 1e6 == pytest.approx(card.published.parameters_millions, abs=6e-6)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_the_published_multiply_adds_also_count_what_average_pooling_reads(card):
    module = on_shapes(card.name)
    pooled = []

    def count(_layer, inputs, _output):
        pooled.append(inputs[0].numel())

    handles = [m.register_forward_hook(count) for m in module.modules() if isinstance(m, nn.AdaptiveAvgPool2d)]
    module(torch.empty(1, 3, card.resolution, card.resolution, device="meta"))
    for handle in handles:
        handle.remove()
    assert (card.macs + sum(pooled)) / 1e6 == pytest.approx(card.published.macs_millions, abs=6e-6)


@pytest.mark.parametrize(
    ("width", "divisor", "rounded"),
    [
        (16.0, 8, 16),
        (2.0, 8, 8),
        (12.0, 8, 16),  # halves go up
        (36.0, 8, 40),
        (83.9, 8, 80),  # 0.9535 of the width
        (43.0, 8, 48),  # 40 would be 0.93 of it: the usual bound of 0.9 would keep 40
        (26.0, 8, 32),
        (43.65, 1, 44),
        (114.9888, 1, 115),
        (36.25, 1, 36),
    ],
)
def test_widths_lose_at_most_five_percent(width, divisor, rounded):
    conventions = Conventions(width_divisor=divisor, block_bias=False, squeeze_base="input")
    assert conventions.rounded(width) == rounded


def test_a_block_reads_as_its_words_say():
    assert parse_blocks("ir k5 s2 e4.5379 c40 p1 hs se") == [
        Block("ir", 40, kernel=5, stride=2, expansion=4.5379, padding=1, activation="hs", squeeze_excite=True)
    ]
    assert parse_blocks("skip c24 x2") == [Block("skip", 24)] * 2
    assert parse_blocks("pool e6 c1984 hs") == [Block("pool", 1984, expansion=6.0, activation="hs")]
    assert parse_blocks("ir k3 s1 e1 c112 p0 g2 re") == [Block("ir", 112, kernel=3, padding=0, groups=2)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "irf k3 s1 e1 c8 re",
        "ir k3 s1 e1 re",
        "ir k3 s1 e1 c8",
        "ir k3 s1 e1 c8 re hs",
        "ir k3 s1 e1 c8 gelu",
        "ir k3 k5 s1 e1 c8 re",
        "ir k3 s1 e1 c8.5 re",
        "ir k3 s0 e1 c8 re",
        "ir k3 s1 e1. c8 re p-1",
        "ir k3 s1 e1 c8 re x0",
        "ir k³ s1 e1 c8 re",
        "skip c8 re",
        "skip s2 c8",
        "conv k3 s1 c8 re se",
        "pool e6 c8 hs k3",
    ],
)
def test_a_block_that_cannot_be_read_is_quoted(text):
    with pytest.raises(CatalogError) as caught:
        parse_blocks(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("stages", [[], [[]], [["conv k3 s2 c8 re"], []]])
def test_a_stage_without_blocks_is_refused(stages):
    with pytest.raises(CatalogError, match="without blocks"):
        parse_stages(stages)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stages": [["conv k3 s2 c8 re"], ["mbconv k3 s1 e6 c8 re"]]}, "'mbconv k3 s1 e6 c8 re'"),
        ({"squeeze_base": "output"}, "squeeze_base 'output'"),
        ({"width_divisor": "8"}, "wrong type of .*width_divisor"),
        ({"width_divisor": 0}, "width_divisor 0"),
        ({"depth": 3}, "has .*depth"),
    ],
)
def test_a_wrong_architecture_is_refused(change, message):
    card = zoo.card("FBNetV3_A")
    wrong = dataclasses.replace(card, architecture={**card.architecture, **change})
    with pytest.raises(CatalogError, match=message):
        adapters.build(wrong)


def test_only_the_stated_depthwise_convolutions_have_an_irregular_padding():
    found = {}
    for card in CARDS:
        for name, conv in on_shapes(card.name).named_modules():
            if isinstance(conv, nn.Conv2d) and conv.padding[0] != conv.kernel_size[0] // 2:
                block = name.split(".")[2]
                found.setdefault(card.variant, {})[block] = (conv.kernel_size[0], conv.stride[0], conv.padding[0])
    assert found == {
        "FBNetV3_A": {"xif4_0": (5, 2, 1), "xif5_0": (3, 2, 0)},
        "FBNetV3_B": {"xif4_0": (5, 2, 1), "xif5_0": (3, 2, 0)},
        "FBNetV3_C": {"xif4_0": (5, 2, 1), "xif5_0": (5, 2, 1)},
        "FBNetV3_E": {"xif4_0": (5, 2, 1)},
        "FBNetV3_F": {"xif5_0": (3, 2, 0)},
    }


def test_new_networks_have_biases_only_outside_the_blocks_and_in_squeeze_and_excitation():
    names = biased(on_shapes("FBNetV3_A"))
    assert {name for name in names if ".se." not in name} == {"backbone.stages.xif0_0.conv", "head.conv"}


def test_old_networks_have_biases_everywhere_but_in_skips():
    module = on_shapes("dmasking_f1")
    convolutions = {name for name, layer in module.named_modules() if isinstance(layer, nn.Conv2d)}
    assert convolutions - biased(module) == {
        "backbone.stages.xif4_3.conv.conv",
        "backbone.stages.xif5_3.conv.conv",
    }


def test_expanded_and_squeezed_widths_follow_the_generation():
    block = Block("ir", 24, kernel=3, expansion=4.5379, activation="hs", squeeze_excite=True)

    def widths(conventions):
        made = InvertedResidual(32, block, conventions)
        return made.dw.conv.out_channels, made.se.se[1].in_channels

    assert widths(OLD) == (145, 36)
    assert widths(V2) == (144, 40)
    assert widths(V3) == (144, 8)


def test_nothing_is_expanded_where_the_width_stays():
    made = InvertedResidual(16, Block("ir", 24), V2)
    assert isinstance(made.pw, nn.Identity)
    assert made(torch.zeros(1, 16, 8, 8)).shape == (1, 24, 8, 8)


@pytest.mark.parametrize(("channels", "stride", "kept"), [(16, 1, True), (16, 2, False), (24, 1, False)])
def test_the_input_is_added_where_the_shape_is_kept(channels, stride, kept):
    made = InvertedResidual(16, Block("ir", channels, kernel=3, stride=stride), V2).eval()
    image = torch.randn(1, 16, 8, 8)
    with torch.no_grad():
        for parameter in made.pwl.bn.parameters():
            parameter.zero_()
        result = made(image)
    torch.testing.assert_close(result, image if kept else torch.zeros_like(result), rtol=0, atol=0)


def test_a_skip_is_the_identity_or_a_projection_with_relu():
    image = torch.randn(2, 16, 4, 4)
    assert Skip(16, Block("skip", 16))(image) is image
    projected = Skip(16, Block("skip", 24)).eval()(image)
    assert projected.shape == (2, 24, 4, 4)
    assert projected.min() == 0


def test_the_pooling_stage_leaves_one_pixel():
    made = PoolBlock(16, Block("pool", 40, expansion=6.0, activation="hs"), V2)
    assert made(torch.zeros(2, 16, 7, 7)).shape == (2, 40, 1, 1)
    assert "bn" not in dict(made.pwl.named_children())


def test_hard_activations_are_the_usual_functions():
    values = torch.linspace(-5, 5, 101)
    torch.testing.assert_close(HardSigmoid()(values), nn.functional.hardsigmoid(values))
    torch.testing.assert_close(HardSwish()(values), nn.functional.hardswish(values))


def test_the_channel_shuffle_is_the_usual_one():
    values = torch.randn(2, 12, 3, 3)
    assert torch.equal(ChannelShuffle(2)(values), nn.functional.channel_shuffle(values, 2))


def test_batch_one_keeps_its_batch_axis():
    model = zoo.load("FBNetV2_F1")
    assert model.logits(probe.images(128, 1)).shape == (1, 1000)


def test_a_small_network_of_every_kind_of_block_runs():
    stages = parse_stages(
        [
            ["conv k3 s2 c8 hs"],
            ["ir k3 s1 e1 c8 g2 re", "skip c8", "skip c12"],
            ["ir k5 s2 e2.5 c16 p1 hs se x2"],
            ["pool e6 c32 hs"],
        ]
    )
    network = FBNet(stages, V2, classes=5).eval()
    assert [name for name, _ in network.backbone.stages.named_children()] == [
        "xif0_0",
        "xif1_0",
        "xif1_1",
        "xif1_2",
        "xif2_0",
        "xif2_1",
        "xif3_0",
    ]
    assert network(torch.zeros(3, 3, 32, 32)).shape == (3, 5)


@pytest.mark.parametrize("average", [True, False])
def test_the_averaged_weights_are_taken_where_the_file_has_them(average, tmp_path):
    model = zoo.load("FBNetV2_F1")
    state = {f"module.{name}": tensor * 1.5 for name, tensor in model.module.state_dict().items()}
    plain = {name: tensor * 0.5 for name, tensor in state.items()}
    path = tmp_path / "model.pth"
    torch.save({"state_dict": plain, "model_ema": state if average else None, "epoch": 3}, path)
    loaded = zoo.load("FBNetV2_F1", weights=path).parameters()["head.conv.bias"]
    np.testing.assert_allclose(loaded, model.parameters()["head.conv.bias"] * (1.5 if average else 0.75))


def test_a_checkpoint_of_another_generation_is_refused(tmp_path):
    path = tmp_path / "model.pth"
    torch.save({"state_dict": zoo.load("dmasking_f1").module.state_dict()}, path)
    with pytest.raises(WeightsError, match="does not fit fbnet/FBNetV2_F1"):
        zoo.load("FBNetV2_F1", weights=path)
