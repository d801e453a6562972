"""AlphaNet's supernet: how subnets are cut out of it, and its files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import zoo
from zoo import probe
from zoo.adapters.alphanet import AlphaNetModel
from zoo.architectures.alphanet_subnet import parse_stage, read_subnet
from zoo.architectures.alphanet_supernet import (
    LARGEST,
    cut,
    slice_subnet,
    supernet_names,
    supernet_shapes,
    tensor_shapes,
)
from zoo.errors import CatalogError, WeightsError
from zoo.recorded import recorded

NAMES = [card.variant for card in zoo.cards("alphanet")]
RECORDED = recorded("alphanet")
# Of the original supernet, at the commits of the catalogue.
SUPERNET_SIGNATURE = "c3965a0eb51489a2999dabe32c90afe35438bebf5d70e74771056fa8a6bea60f"
SUPERNET_PARAMETERS = 23_934_704
RUNNING = ("running_mean", "running_var")


def subnet_of(variant):
    card = zoo.card(f"alphanet/{variant}")
    return read_subnet(card.architecture, card.resolution)


def test_the_supernet_has_the_originals_names_and_shapes():
    shapes = supernet_shapes()
    lines = [(n, s, "torch.int64" if n.endswith("num_batches_tracked") else "torch.float32") for n, s in shapes.items()]
    assert len(shapes) == 1468
    assert probe.signature_sha256(lines) == SUPERNET_SIGNATURE
    trained = [s for n, s in shapes.items() if not n.endswith((*RUNNING, "num_batches_tracked"))]
    assert sum(int(np.prod(shape)) for shape in trained) == SUPERNET_PARAMETERS


def test_a_cut_takes_leading_channels_and_the_centre_of_a_kernel():
    kernel = torch.arange(6 * 4 * 5 * 5).reshape(6, 4, 5, 5)
    torch.testing.assert_close(cut(kernel, (2, 3, 3, 3)), kernel[:2, :3, 1:4, 1:4])
    torch.testing.assert_close(cut(kernel, (6, 4, 5, 5)), kernel)
    torch.testing.assert_close(cut(kernel[:, 0, 0, 0], (4,)), kernel[:4, 0, 0, 0])
    matrix = torch.arange(12).reshape(3, 4)
    torch.testing.assert_close(cut(matrix, (3, 2)), matrix[:, :2])


def test_a_cut_shares_no_memory_with_the_supernet():
    tensor = torch.zeros(4)
    cut(tensor, (4,)).fill_(1.0)
    assert not tensor.any()


def test_a_stage_takes_its_first_blocks_under_the_supernets_names():
    names = supernet_names(subnet_of("a0"))
    # Depths 1, 3, 3, ... of 2, 5, 6, ...: the fifth block is the first of the third stage.
    prefix = "blocks.{}.mobile_inverted_conv.depth_conv"
    assert names["blocks.1.shortcut.conv.weight"] == "blocks.2.shortcut.conv.conv.weight"
    assert names[f"{prefix.format(4)}.conv.weight"] == f"{prefix.format(7)}.conv.conv.weight"
    assert names[f"{prefix.format(4)}.bn.running_var"] == f"{prefix.format(7)}.bn.bn.running_var"
    assert names[f"{prefix.format(4)}.se.fc.reduce.bias"] == f"{prefix.format(7)}.se.fc.reduce.bias"
    assert names["last_conv.0.bn.bias"] == "last_conv.final_expand_layer.bn.bn.bias"
    assert names["last_conv.2.conv.weight"] == "last_conv.feature_mix_layer.conv.conv.weight"
    assert names["classifier.linear.bias"] == "classifier.linear.linear.bias"


def test_the_tensors_of_a_slice_are_where_the_rules_say(supernet):
    state = slice_subnet(supernet, subnet_of("a0"))
    block, source = "blocks.4.mobile_inverted_conv.", "blocks.7.mobile_inverted_conv."
    expected = {
        # Input 24 wide, expanded by 4 to 96; the supernet's is 32 wide, expanded to 192.
        "inverted_bottleneck.conv.weight": supernet[source + "inverted_bottleneck.conv.conv.weight"][:96, :24],
        "depth_conv.conv.weight": supernet[source + "depth_conv.conv.conv.weight"][:96, :, 1:4, 1:4],
        "depth_conv.bn.running_mean": supernet[source + "depth_conv.bn.bn.running_mean"][:96],
        "depth_conv.se.fc.reduce.weight": supernet[source + "depth_conv.se.fc.reduce.weight"][:24, :96],
        "depth_conv.se.fc.expand.bias": supernet[source + "depth_conv.se.fc.expand.bias"][:96],
        "point_linear.conv.weight": supernet[source + "point_linear.conv.conv.weight"][:32, :96],
    }
    for name, tensor in expected.items():
        torch.testing.assert_close(state[block + name], tensor, rtol=0, atol=0)
    torch.testing.assert_close(
        state["classifier.linear.weight"], supernet["classifier.linear.linear.weight"][:, :1792], rtol=0, atol=0
    )
    assert not any(name.endswith("num_batches_tracked") for name in state)


@pytest.mark.parametrize("variant", NAMES)
def test_a_slice_is_the_state_of_its_subnet(variant, supernet):
    subnet = subnet_of(variant)
    state = slice_subnet(supernet, subnet)
    shapes = {name: shape for name, shape in tensor_shapes(subnet).items() if shape}
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == shapes


def test_the_largest_subnet_is_the_supernet_itself(supernet):
    names = supernet_names(LARGEST)
    state = slice_subnet(supernet, LARGEST)
    assert all(torch.equal(tensor, supernet[names[name]]) for name, tensor in state.items())
    read = {name for name, tensor in supernet.items() if tensor.dim() and "bn_tracking" not in name}
    assert {names[name] for name in state} == read


@pytest.mark.parametrize(
    "variant", [pytest.param(name, marks=() if name == "a0" else pytest.mark.slow) for name in RECORDED]
)
def test_a_sliced_subnet_computes_what_the_originals_slicing_does(variant, supernet):
    model = zoo.load(f"alphanet/{variant}")
    model.load_state(slice_subnet(supernet, model.subnet), Path("supernet"))
    logits = model.logits(probe.images(model.card.resolution))
    expected = RECORDED[variant]["from_supernet"]
    head = logits[:, : probe.HEAD_LENGTH]
    assert probe.relative_l2(head, np.array(expected["logits_head"])) < probe.FRAMEWORK_TOLERANCE
    assert np.linalg.norm(logits.astype(np.float64)) == pytest.approx(
        expected["logits_l2"], rel=probe.FRAMEWORK_TOLERANCE
    )
    assert logits.argmax(axis=1).tolist() == expected["argmax"]


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (0, "d3 k3 s1 e1 c16"),
        (0, "d1 k3 s1 e4 c16"),
        (1, "d3 k7 s2 e4 c24"),
        (1, "d3 k3 s1 e4 c24"),
        (2, "d3 k3 s2 e4 c32"),
        (4, "d3 k3 s1 e7 c112 se"),
        (5, "d3 k3 s2 e6 c224 se"),
    ],
)
def test_a_subnet_of_another_supernet_is_refused_and_quoted(index, text):
    subnet = subnet_of("a0")
    stages = [*subnet.stages]
    stages[index] = parse_stage(text)
    with pytest.raises(CatalogError, match=f"stage '{text}' is not part of '{LARGEST.stages[index]}'"):
        supernet_names(dataclasses.replace(subnet, stages=tuple(stages)))


def test_too_many_stages_or_channels_are_refused():
    subnet = subnet_of("a0")
    with pytest.raises(CatalogError, match="6 stages, where the supernet has 7"):
        supernet_names(dataclasses.replace(subnet, stages=subnet.stages[:6]))
    with pytest.raises(CatalogError, match="stem_width 32 exceeds 24; feature_width 2048 exceeds 1984"):
        supernet_names(dataclasses.replace(subnet, stem_width=32, feature_width=2048))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s.pop("first_conv.bn.bn.bias"),
            "not a state of AlphaNet's supernet: missing first_conv.bn.bn.bias$",
        ),
        (lambda s: s.update({"fc.weight": torch.zeros(1)}), "unexpected fc.weight$"),
        (
            lambda s: s.update({"classifier.linear.linear.bias": torch.zeros(10)}),
            r"classifier.linear.linear.bias has shape \(10,\), the network \(1000,\)$",
        ),
        (lambda s: s.clear(), r"missing first_conv.conv.conv.weight, .*and \d+ more$"),
    ],
)
def test_a_state_of_another_supernet_lists_what_does_not_fit(change, message, supernet):
    changed = dict(supernet)
    change(changed)
    with pytest.raises(WeightsError, match=message):
        slice_subnet(changed, subnet_of("a0"))


def test_counters_and_unread_statistics_may_be_left_out(supernet):
    read = {name: tensor for name, tensor in supernet.items() if tensor.dim() and "bn_tracking" not in name}
    assert slice_subnet(read, subnet_of("a0")).keys() == slice_subnet(supernet, subnet_of("a0")).keys()


# Files.


def test_the_supernet_file_is_sliced_and_asks_for_recalibration(supernet_file):
    model = zoo.load("alphanet/a0", weights=supernet_file)
    assert isinstance(model, AlphaNetModel)
    assert model.weights == "file"
    assert model.needs_recalibration
    head = model.logits(probe.images(192))[:, : probe.HEAD_LENGTH]
    expected = np.array(RECORDED["a0"]["from_supernet"]["logits_head"])
    assert probe.relative_l2(head, expected) < probe.FRAMEWORK_TOLERANCE


def test_a_subnets_own_state_loads_as_it_is(tmp_path):
    model = zoo.load("alphanet/a0")
    assert not model.needs_recalibration
    path = tmp_path / "a0.pth"
    torch.save({"state_dict": {name: t * 2 for name, t in model.module.state_dict().items()}}, path)
    loaded = zoo.load("alphanet/a0", weights=path)
    assert not loaded.needs_recalibration
    name = "blocks.0.mobile_inverted_conv.depth_conv.bn.running_var"
    np.testing.assert_array_equal(loaded.parameters()[name], 2 * model.parameters()[name])


def test_the_state_of_another_subnet_lists_what_does_not_fit(tmp_path):
    path = tmp_path / "a1.pth"
    torch.save(zoo.load("alphanet/a1").module.state_dict(), path)
    with pytest.raises(WeightsError, match=r"a1.pth does not fit alphanet/a0: .*has shape .*5, 5\), the network"):
        zoo.load("alphanet/a0", weights=path)


def test_a_file_of_another_model_lists_what_does_not_fit(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"state_dict": {"module.conv1.weight": torch.zeros(64, 3, 7, 7)}}, path)
    with pytest.raises(
        WeightsError, match=r"other.pth does not fit alphanet/a0: .*missing first_conv.conv.conv.weight.*more"
    ):
        zoo.load("alphanet/a0", weights=path)
