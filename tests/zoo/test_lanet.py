from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import zoo
from zoo import adapters, probe
from zoo.architectures.lanet import FactorizedReduce
from zoo.architectures.lanet_cell import Edge, output_states, parse_cell
from zoo.architectures.weight_standardisation import StandardisedPointwise, fold, standardised
from zoo.errors import CatalogError

CARD = zoo.card("lanet/LaNet_CIFAR10_128")
SMALL = dataclasses.replace(CARD, architecture={**CARD.architecture, "channels": 4, "cells": 6})


@pytest.fixture
def model():
    """The released cell in a network small enough for a test; its second and fourth of six cells reduce."""
    native = adapters.build(SMALL)
    native.apply_probe()
    return native


def test_the_network_for_cifar_is_all_that_was_released():
    assert [card.variant for card in zoo.cards("lanet")] == ["LaNet_CIFAR10_128"]
    assert (CARD.classes, CARD.resolution) == (10, 32)
    assert "CIFAR-10" in CARD.published.stated_in
    assert CARD.release.licence == "CC-BY-NC-4.0"
    assert (CARD.preprocessing.rule, CARD.preprocessing.crop_px) == ("none", 32)


def test_a_node_reads_as_its_words_say():
    nodes = parse_cell(CARD.architecture["nodes"])
    assert nodes[1] == (Edge("sep3", 1), Edge("skip", 1))
    assert output_states(nodes) == [5, 6, 7, 8]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not enough values"),
        ("skip 0", "not enough values"),
        ("skip 0 + skip 1 + skip 1", "too many values"),
        ("skip 0 + dil3 1", "unknown operation 'dil3'"),
        ("skip 0 + skip 2", "state 2 does not exist yet"),
        ("skip 0 + skip -1", "state -1 does not exist yet"),
        ("skip 0 + skip x", "invalid literal"),
    ],
)
def test_a_node_that_cannot_be_read_is_quoted(text, reason):
    with pytest.raises(CatalogError, match=rf"cannot read the node '{text}'.*{reason}".replace("+", r"\+")):
        parse_cell([text])


def test_filters_are_standardised_by_the_unbiased_deviation():
    weight = np.random.default_rng(0).standard_normal((3, 5, 1, 1)).astype(np.float32)
    rows = weight.reshape(3, 5).astype(np.float64)
    expected = (rows - rows.mean(1, keepdims=True)) / (rows.std(1, ddof=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(standardised(torch.from_numpy(weight)).numpy().reshape(3, 5), expected, rtol=1e-5)


def test_a_constant_filter_becomes_zero_rather_than_nan():
    assert not standardised(torch.full((2, 4, 1, 1), 0.5)).any()


def test_only_pointwise_convolutions_of_projections_and_separables_are_standardised(model):
    plain = {name for name, module in model.module.named_modules() if type(module) is nn.Conv2d}
    depthwise = {name for name in plain if name.endswith((".op.1", ".op.5"))}
    reducing = {name for name in plain if name.endswith((".conv_1", ".conv_2"))}
    auxiliary = {"auxiliary_head.features.2", "auxiliary_head.features.5"}
    assert plain == depthwise | reducing | auxiliary | {"stem.0"}
    assert all(model.module.get_submodule(name).groups > 1 for name in depthwise)
    assert sum(isinstance(module, StandardisedPointwise) for module in model.module.modules()) == 6 * (1 + 1 + 8) - 2


def test_a_reduction_takes_even_and_odd_pixels():
    reduce = FactorizedReduce(1, 2).eval()
    for convolution in (reduce.conv_1, reduce.conv_2):
        nn.init.ones_(convolution.weight)
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    with torch.inference_mode():
        even, odd = reduce(image)[0]
    np.testing.assert_allclose(even, image[0, 0, ::2, ::2], rtol=1e-4)
    np.testing.assert_allclose(odd, image[0, 0, 1::2, 1::2], rtol=1e-4)


def test_inputs_of_a_reduction_cell_are_halved(model):
    cells = model.module.cells
    assert [type(cell.preprocess0).__name__ for cell in cells].count("FactorizedReduce") == 2
    halving = [name for name, module in cells.named_modules() if getattr(module, "stride", 1) in (2, (2, 2))]
    # Seven edges of each of two cells read an input; a separable convolution halves in its first half only.
    assert {name.split(".")[0] for name in halving if "preprocess" not in name} == {"2", "4"}
    assert [cell.channels_out for cell in cells] == [16, 16, 32, 32, 64, 64]


def test_the_auxiliary_head_is_in_the_parameters_and_takes_no_part(model):
    before = model.logits(probe.images(32))
    for name, parameter in model.module.named_parameters():
        if name.startswith("auxiliary_head."):
            nn.init.constant_(parameter, float("nan"))
    np.testing.assert_array_equal(model.logits(probe.images(32)), before)
    assert model.module.auxiliary_head(torch.zeros(2, 64, 8, 8)).shape == (2, 10)


def test_batch_one_keeps_its_batch_axis_and_its_values(model):
    images = probe.images(32)
    alone = model.logits(images[:1])
    assert alone.shape == (1, 10)
    assert probe.relative_l2(alone, model.logits(images)[:1]) < probe.FRAMEWORK_TOLERANCE


def test_the_folded_copy_computes_the_same_with_plain_convolutions(model):
    before = model.weights_sha256()
    copy = model.deployable()
    assert not any(isinstance(module, StandardisedPointwise) for module in copy.modules())
    assert not any(module.training for module in copy.modules())
    with torch.inference_mode():
        logits = copy(torch.from_numpy(probe.images(32))).numpy()
    np.testing.assert_array_equal(logits, model.logits(probe.images(32)))
    # The native model keeps the release's weights.
    assert model.weights_sha256() == before
    assert model.signature_sha256() == adapters.build(SMALL).signature_sha256()


def test_folding_leaves_other_modules_alone():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    copy = fold(network)
    assert copy is not network
    assert torch.equal(copy[0].weight, network[0].weight)


def test_a_checkpoint_in_the_releases_container_loads_unchanged(model, tmp_path):
    path = tmp_path / "top1.pt"
    torch.save({"epoch": 7, "model_state_dict": model.module.state_dict(), "optimizer_state_dict": {"state": {}}}, path)
    assert zoo.load(SMALL, weights=path).weights_sha256() == model.weights_sha256()
