"""AlphaNet: its cards, the rules of its networks, and their graphs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import zoo
from zoo import probe
from zoo.architectures.alphanet import Shortcut, middle_width, squeeze_width
from zoo.architectures.alphanet_subnet import Stage, parse_stage, read_subnet
from zoo.errors import CatalogError
from zoo.recorded import recorded

NAMES = ["a0", "a1", "a2", "a3", "a4", "a5", "a5_1", "a6"]
RECORDED = recorded("alphanet")


# Cards and their words.


def test_the_release_has_eight_subnets():
    assert [card.variant for card in zoo.cards("alphanet")] == NAMES


@pytest.mark.parametrize("variant", RECORDED)
def test_cards_state_what_the_original_counts(variant):
    card, facts = zoo.card(f"alphanet/{variant}"), RECORDED[variant]
    counted = (card.parameters, card.macs, card.signature_sha256)
    assert counted == (facts["parameters"], facts["macs"], facts["signature_sha256"])


@pytest.mark.parametrize("variant", NAMES)
def test_published_multiply_adds_are_the_counted_rounded(variant):
    card = zoo.card(f"alphanet/{variant}")
    allowed = 1.3 if variant == "a5_1" else 0.6  # The README states 596 M where the release's code counts 594.8 M.
    assert card.macs / 1e6 == pytest.approx(card.published.macs_millions, abs=allowed)
    assert 77 < card.published.top1_percent < 81


@pytest.mark.parametrize("variant", NAMES)
def test_the_crop_is_resized_where_the_network_wants_another_size(variant):
    card = zoo.card(f"alphanet/{variant}")
    assert card.preprocessing.crop_px == 224
    assert (card.preprocessing.tensor_resize == "bicubic") == (card.resolution != 224)


def test_a_stage_reads_as_its_words_say():
    assert parse_stage("d3 k5 s2 e4 c40 se") == Stage(3, 5, 2, 4, 40, squeeze_excite=True)
    assert str(parse_stage("d1 k3 s1 e1 c16")) == "d1 k3 s1 e1 c16"
    assert str(parse_stage("d3 k5 s2 e4 c40 se")) == "d3 k5 s2 e4 c40 se"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "d3 k5 s2 e4",
        "d3 k5 s2 e4 c40 sx",
        "d3 k5 s2 e4 c40 se se",
        "d3 k4 s2 e4 c40",
        "d0 k3 s2 e4 c40",
        "k3 d3 s1",
    ],
)
def test_a_stage_that_cannot_be_read_is_quoted(text):
    with pytest.raises(CatalogError, match=f"cannot read the stage '{text}'"):
        parse_stage(text)


def test_a_fact_that_an_architecture_lacks_is_named():
    with pytest.raises(CatalogError, match="lacks 'feature_width'"):
        read_subnet({"stem_width": 16, "stages": []}, 224)


# Rules of the network.


def test_the_middle_follows_from_the_input_and_the_squeeze_from_the_middle():
    assert middle_width(216, 6) == 1296
    assert squeeze_width(1296) == 328
    assert squeeze_width(240) == 64
    # The quarter is floored first: 24 is less than a tenth below 26, but not below 26.75.
    assert squeeze_width(107) == 24


def test_an_odd_size_is_padded_in_the_shortcut_and_the_zeros_count():
    shortcut = Shortcut(2, 2, stride=2)
    expected = torch.tensor([[0.25, 0.5, 0.5], [0.5, 1.0, 1.0], [0.5, 1.0, 1.0]])
    torch.testing.assert_close(shortcut(torch.ones(1, 2, 5, 5)), expected.expand(1, 2, 3, 3))
    torch.testing.assert_close(shortcut(torch.ones(1, 2, 6, 6)), torch.ones(1, 2, 3, 3))


def test_a_shortcut_is_the_identity_unless_stride_or_width_change():
    x = torch.randn(1, 4, 6, 6)
    same, wider = Shortcut(4, 4, stride=1), Shortcut(4, 8, stride=1)
    assert same(x) is x
    torch.testing.assert_close(wider(x), wider.conv(x))


def test_batch_one_keeps_its_batch_axis():
    model = zoo.load("alphanet/a0")
    images = probe.images(192)
    one = model.logits(images[:1])
    assert one.shape == (1, 1000)
    np.testing.assert_allclose(one, model.logits(images)[:1], rtol=1e-4, atol=1e-4)


def test_the_network_resizes_the_releases_crop_itself():
    model = zoo.load("alphanet/a0")
    crop = torch.from_numpy(probe.images(224))
    resized = nn.functional.interpolate(crop, size=192, mode="bicubic")
    np.testing.assert_array_equal(model.logits(crop.numpy()), model.logits(resized.numpy()))


@pytest.mark.parametrize(("variant", "norms"), [("a0", 52), ("a2", 55), ("a5_1", 63), ("a6", 67)])
def test_the_batch_norms_are_the_originals(variant, norms):
    """Also of the two subnets without recorded logits."""
    found = [layer for layer in zoo.load(f"alphanet/{variant}").module.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(found) == norms
    assert {layer.eps for layer in found} == {1e-5}


@pytest.mark.parametrize("variant", ["a2", "a5_1"])
def test_subnets_without_recorded_logits_compute(variant):
    model = zoo.load(f"alphanet/{variant}")
    logits = model.logits(probe.images(model.card.resolution))
    assert logits.shape == (2, 1000)
    assert np.isfinite(logits).all()
    assert logits.std() > 1


# The graph.


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_the_graph_has_the_originals_operators_up_to_its_tail(exporter, tmp_path):
    """The original ends in Squeeze, MatMul and Add, because it loses the batch axis."""
    import converters

    artifact = converters.convert(zoo.load("alphanet/a0"), exporter=exporter, cache_dir=tmp_path)
    found, original = artifact.provenance["operators"], RECORDED["a0"]["operators"]
    for operator in ("AveragePool", "Clip", "Conv", "Div", "Mul", "Relu", "Sigmoid"):
        assert found[operator] == original[operator]
    assert found["Add"] == original["Add"] - 1
    assert found["Gemm"] == 1
