"""AlphaNet: its rules, its supernet, and the recalibration of its batch norms."""

from __future__ import annotations

import copy
import dataclasses
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import zoo
from zoo import probe
from zoo.adapters.alphanet import AlphaNetModel
from zoo.architectures.alphanet import Shortcut, middle_width, round_width, squeeze_width
from zoo.architectures.alphanet_subnet import Stage, parse_stage, read_subnet
from zoo.architectures.alphanet_supernet import (
    LARGEST,
    cut,
    slice_subnet,
    supernet_names,
    supernet_shapes,
    tensor_shapes,
)
from zoo.errors import CatalogError, WeightsError
from zoo.references import recorded

NAMES = ["a0", "a1", "a2", "a3", "a4", "a5", "a5_1", "a6"]
RECORDED = recorded("alphanet")
# Of the original supernet, at the commits of the catalogue.
SUPERNET_SIGNATURE = "c3965a0eb51489a2999dabe32c90afe35438bebf5d70e74771056fa8a6bea60f"
SUPERNET_PARAMETERS = 23_934_704
RUNNING = ("running_mean", "running_var")


def subnet_of(variant):
    card = zoo.card(f"alphanet/{variant}")
    return read_subnet(card.architecture, card.resolution)


def probe_supernet():
    """A supernet whose values follow from its tensors' names."""
    return {
        name: torch.from_numpy(probe.tensor(name, shape)) if shape else torch.tensor(7)
        for name, shape in supernet_shapes().items()
    }


@pytest.fixture(scope="module")
def supernet():
    return probe_supernet()


@pytest.fixture(scope="module")
def released_file(supernet, tmp_path_factory):
    """A file as the release's training code writes it: old format, prefixed names, its configuration inside."""
    path = tmp_path_factory.mktemp("alphanet") / "alphanet_pretrained.pth.tar"
    config = type("Config", (dict,), {"__module__": "utils.config", "__qualname__": "Config"})
    arguments = config(arch="attentive_nas_dynamic_model")
    arguments.__dict__ = arguments
    state = {f"module.{name}": tensor for name, tensor in supernet.items()}
    content = {"epoch": 360, "args": arguments, "state_dict": state, "optimizer": {"state": {}}, "lr_scheduler": {}}
    with pytest.MonkeyPatch.context() as patch:
        utils = types.ModuleType("utils")
        utils.config = types.ModuleType("utils.config")
        utils.config.Config = config
        patch.setitem(sys.modules, "utils", utils)
        patch.setitem(sys.modules, "utils.config", utils.config)
        torch.save(content, path, _use_new_zipfile_serialization=False)
    return path


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


@pytest.mark.parametrize(
    ("width", "expected"), [(3, 9), (4, 8), (8, 8), (12, 16), (16, 16), (17, 16), (18, 24), (20, 24), (324, 328)]
)
def test_widths_round_to_eight_and_lose_no_more_than_a_tenth(width, expected):
    assert round_width(width) == expected


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


# The supernet.


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
        (lambda s: s.clear(), r"missing first_conv.conv.conv.weight; .*and \d+ more$"),
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


def test_the_released_file_is_sliced_and_asks_for_recalibration(released_file):
    model = zoo.load("alphanet/a0", weights=released_file)
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


# Recalibration.


class BatchStatistics(nn.Module):
    """Batch norm in training, written out in double precision; remembers each batch's statistics."""

    def __init__(self, norm):
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight.double(), norm.bias.double(), norm.eps
        self.means, self.variances = [], []

    def forward(self, x):
        values = x.double().transpose(0, 1).flatten(1)
        mean, centred = values.mean(1), values - values.mean(1, keepdim=True)
        self.means.append(mean)
        self.variances.append(centred.square().sum(1) / (values.shape[1] - 1))
        scale = self.weight / (centred.square().mean(1) + self.eps).sqrt()
        shape = (1, -1, 1, 1)
        return (x - mean.reshape(shape)) * scale.reshape(shape) + self.bias.reshape(shape)


def images(count, seed, resolution=192):
    """Generated images with structure: noise on blobs of their own brightness."""
    rng = np.random.default_rng(seed)
    blobs = rng.standard_normal((count, 3, resolution // 32, resolution // 32)).repeat(32, axis=2).repeat(32, axis=3)
    return (blobs + 0.3 * rng.standard_normal(blobs.shape)).astype(np.float32)


def running_statistics(model):
    return {name: array for name, array in model.parameters().items() if name.endswith(RUNNING)}


def test_recalibration_is_the_mean_of_the_batches_statistics():
    model = zoo.load("alphanet/a0")
    plain = copy.deepcopy(model.module).double()
    norms = {name: layer for name, layer in plain.named_modules() if isinstance(layer, nn.BatchNorm2d)}
    written_out = {name: BatchStatistics(norm) for name, norm in norms.items()}
    for name, layer in written_out.items():
        parent, _, attribute = name.rpartition(".")
        setattr(plain.get_submodule(parent), attribute, layer)
    batches = [images(count, seed) for seed, count in enumerate((4, 2, 3))]  # Each counts alike.
    with torch.no_grad():
        for batch in batches:
            plain(torch.from_numpy(batch).double())

    assert model.recalibrate(iter(batches)) == 3
    found = model.parameters()
    assert len(written_out) == 52
    for name, layer in written_out.items():
        for values, statistic in ((layer.means, "running_mean"), (layer.variances, "running_var")):
            expected = torch.stack(values).mean(0).numpy()
            assert probe.relative_l2(found[f"{name}.{statistic}"], expected) < 1e-4, name
        assert found[f"{name}.num_batches_tracked"] == 3


def test_recalibration_changes_nothing_but_the_statistics_and_is_repeatable(released_file):
    model, again = zoo.load("alphanet/a0", weights=released_file), zoo.load("alphanet/a0", weights=released_file)
    before = model.parameters()
    before = {name: array.copy() for name, array in before.items()}
    for one in (model, again):
        one.recalibrate(images(2, seed) for seed in range(2))
        assert not one.needs_recalibration
        assert not any(layer.training for layer in one.module.modules())
        assert {layer.momentum for layer in one.module.modules() if isinstance(layer, nn.BatchNorm2d)} == {0.1}
    assert model.weights_sha256() == again.weights_sha256()
    for name, array in model.parameters().items():
        kept = not name.endswith((*RUNNING, "num_batches_tracked"))
        assert np.array_equal(array, before[name]) == kept, name


def test_recalibration_forgets_what_was_there_before():
    model = zoo.load("alphanet/a0")
    model.recalibrate([images(2, 0)])
    first = {name: array.copy() for name, array in running_statistics(model).items()}
    model.recalibrate([images(2, 1)])
    model.recalibrate([images(2, 0)])
    for name, array in running_statistics(model).items():
        np.testing.assert_array_equal(array, first[name])


def interrupted():
    yield images(2, 0)
    raise OSError("the disk is gone")


@pytest.mark.parametrize(
    ("batches", "error", "message"),
    [
        (lambda: [], WeightsError, "no batch of images"),
        (lambda: [np.full((2, 3, 192, 192), np.nan, np.float32)], WeightsError, "not finite"),
        (interrupted, OSError, "disk"),
    ],
)
def test_recalibration_that_fails_keeps_the_old_statistics(batches, error, message, released_file):
    model = zoo.load("alphanet/a0", weights=released_file)
    before = model.weights_sha256()
    with pytest.raises(error, match=message):
        model.recalibrate(batches())
    assert model.weights_sha256() == before
    assert model.needs_recalibration
    assert not any(layer.training for layer in model.module.modules())


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
