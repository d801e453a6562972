from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import torch
from torch import nn

import zoo
from zoo import adapters, probe
from zoo.architectures import gpunet
from zoo.architectures.gpunet_block import Block, parse_block
from zoo.errors import CatalogError, MissingPackageError

NAMES = ["GPUNet-0", "GPUNet-1", "GPUNet-2", "GPUNet-P0", "GPUNet-P1", "GPUNet-D1", "GPUNet-D2"]


def network(name):
    """The network on shapes alone, its weights not drawn."""
    with torch.device("meta"):
        return adapters.build(zoo.card(f"gpunet/{name}")).module


def small(card, blocks, **more):
    """A card with other blocks, for the adapter."""
    return dataclasses.replace(card, architecture={**card.architecture, "blocks": blocks, **more})


def test_every_released_network_has_a_card():
    cards = zoo.cards("gpunet")
    assert [card.variant for card in cards] == NAMES
    for card in cards:
        assert card.release.licence == "Apache-2.0"
        assert card.preprocessing.crop_px == card.resolution
        assert card.preprocessing.resize_px == (256 if "-P" in card.variant else card.resolution)
        assert card.published.top1_percent is not None
        assert 78 < card.published.top1_percent < 84
        assert card.checkpoint.archive_member == f"{card.checkpoint.tag}.pth.tar"
        averaged = card.checkpoint.container.startswith("state_dict_ema|")
        assert averaged == ("-P" not in card.variant)


@pytest.mark.parametrize(
    ("width", "expansion", "squeezed"),
    # 2.5 goes to the even neighbour, as Python rounds.
    [(1280, 5, 64), (3520, 5, 176), (672, 3, 56), (192, 6, 8), (40, 4, 2), (56, 4, 4)],
)
def test_squeeze_and_excitation_has_a_quarter_of_the_blocks_input(width, expansion, squeezed):
    assert gpunet.squeezed_width(width, expansion) == squeezed


def test_names_are_the_releases_literal_strings():
    searched, distilled = list(network("GPUNet-0").state_dict()), list(network("GPUNet-D1").state_dict())
    assert searched[0] == "network.head: 2.net.0.weight"
    assert "network.stage: 1 layer3.conv.weight" in searched
    assert searched[-1] == "network. layer15.net.6.bias"
    assert distilled[0] == "network.head:.net.0.weight"
    assert "network.stage: 0 irb3.body.0.weight" in distilled
    assert distilled[-1] == "network.tail:.net.8.bias"


@pytest.mark.parametrize("name", NAMES)
def test_only_fused_blocks_with_stride_two_have_no_padding(name):
    bare = {
        key.rsplit(".", 1)[1]
        for key, module in network(name).named_modules()
        if isinstance(module, nn.Conv2d) and module.kernel_size[0] > 1 and module.padding == (0, 0)
    }
    assert bare == ({"conv_exp"} if name in ("GPUNet-0", "GPUNet-1", "GPUNet-2") else set())


@pytest.mark.parametrize(("kernel", "size"), [(3, 7), (5, 6)])
def test_a_fused_block_with_stride_two_loses_the_border(kernel, size):
    block = gpunet.FusedInvertedResidual(4, Block(2, "fused", kernel, 2, 6, "relu", 2.0))
    assert block(torch.zeros(1, 4, 16, 16)).shape == (1, 6, size, size)


@pytest.mark.parametrize(("name", "epsilon"), [("GPUNet-1", 1e-3), ("GPUNet-P1", 1e-3), ("GPUNet-D2", 1e-5)])
def test_searched_and_distilled_networks_have_their_own_epsilon(name, epsilon):
    norms = [module for module in network(name).modules() if isinstance(module, nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {epsilon}


def test_the_tail_has_relu_where_the_head_has_swish():
    layers = network("GPUNet-0").network
    assert isinstance(layers[0].net[2], nn.SiLU)
    assert isinstance(layers[-1].net[2], nn.ReLU)
    assert isinstance(network("GPUNet-P0").network[0].net[2], nn.ReLU)


def test_a_plain_convolution_has_no_shortcut_and_a_residual_has_one_where_shapes_allow():
    image = torch.ones(1, 8, 4, 4)
    for text, adds in [
        ("1 conv k3 s1 c8 relu", False),
        ("4 irb k3 s1 e2 c8 relu", True),
        ("4 irb k3 s1 e2 c16 relu", False),
    ]:
        block = parse_block(text)
        layer = gpunet.ConvNormAct(8, block) if block.kind == "conv" else gpunet.InvertedResidual(8, block)
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)
        assert bool(layer.eval()(image).any()) is adds


def test_an_expansion_of_one_keeps_its_convolution():
    block = gpunet.DistilledInvertedResidual(33, parse_block("0 irb k3 s1 e1 c33 relu"))
    assert block.body[0].weight.shape == (33, 33, 1, 1)


def test_distilled_widths_are_not_rounded():
    block = gpunet.DistilledInvertedResidual(33, parse_block("1 irb k3 s2 e3 c44 relu"))
    assert block.body[3].weight.shape == (99, 1, 3, 3)


def test_the_distilled_heads_have_one_and_three_convolutions():
    counts = [
        sum(isinstance(layer, nn.Conv2d) for layer in network(name).network[0].net)
        for name in ("GPUNet-D1", "GPUNet-D2")
    ]
    assert counts == [1, 3]


@pytest.mark.parametrize("name", ["GPUNet-0", "GPUNet-D1"])
def test_batch_one_keeps_its_batch_axis_and_its_values(name):
    model = zoo.load(f"gpunet/{name}")
    images = probe.images(64)
    together, alone = model.logits(images), model.logits(images[:1])
    assert alone.shape == (1, 1000)
    assert probe.relative_l2(alone, together[:1]) < probe.FRAMEWORK_TOLERANCE


def test_a_block_reads_as_its_words_say():
    assert parse_block("1 conv k5 s2 c64 relu") == Block(1, "conv", 5, 2, 64, "relu")
    assert parse_block("6 irb k3 s1 e7.67 c704 swish se") == Block(6, "irb", 3, 1, 704, "swish", 7.67, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "conv k3 s1 c32 relu",
        "1 convs k3 s1 c32 relu",
        "1 conv k3 s1 e2 c32 relu",
        "1 conv k3 s1 c32 relu se",
        "1 conv k3 s1 c32 gelu",
        "4 irb k3 s1 c32 relu",
        "4 irb k3 s1 e5 c32",
        "4 irb k3 s1 e5 c32 relu sse",
        "4 irb k3 s1 e5.x c32 relu",
        "4 fused k3 s-2 e5 c32 relu",
    ],
)
def test_a_block_that_cannot_be_read_is_quoted(text):
    with pytest.raises(CatalogError, match=rf"cannot read the block '{text}'"):
        parse_block(text)


def test_what_the_release_does_not_build_is_refused():
    card = zoo.card("gpunet/GPUNet-D1")
    with pytest.raises(CatalogError, match="'pruned'; known: searched, distilled"):
        adapters.build(small(card, [], builder="pruned"))
    with pytest.raises(CatalogError, match=r"not Block.*kind='fused'"):
        adapters.build(small(card, ["1 fused k3 s1 e2 c33 relu"]))


@pytest.mark.parametrize("source", ["gpunet", "lanet"])
def test_without_torch_the_extra_is_named(source, monkeypatch):
    for module in [m for m in sys.modules if m.startswith("zoo.architectures.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    card = zoo.cards(source)[0]
    with pytest.raises(MissingPackageError, match=r"need pytorch, .* pip install 'baseline-zoo\[torch\]'"):
        zoo.load(card)


def test_a_checkpoint_of_averaged_weights_loads_unchanged(tmp_path):
    """As timm's training script writes it: raw and averaged weights side by side."""
    card = zoo.card("gpunet/GPUNet-0")
    state = adapters.build(card).module.state_dict()
    averaged = {name: tensor + 1 for name, tensor in state.items()}
    path = tmp_path / card.checkpoint.archive_member
    torch.save({"epoch": 3, "state_dict": state, "state_dict_ema": averaged}, path)
    loaded = zoo.load(card, weights=path).parameters()
    name = "network. layer15.net.6.bias"
    np.testing.assert_array_equal(loaded[name], averaged[name].numpy())
