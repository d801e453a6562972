from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

import zoo
from zoo import probe
from zoo.errors import WeightsError

NAME = "ofa/LG-G8_lat-8ms_top1-71.1_finetune-25"


@pytest.fixture(scope="module")
def model():
    return zoo.load(NAME)


def test_parameters_are_the_releases_own_tensors(model):
    tensors = model.parameters()
    assert tensors["blocks.1.conv.depth_conv.conv.weight"].dtype == np.float32
    recomputed = probe.signature_sha256((n, t.shape, f"torch.{t.dtype}") for n, t in tensors.items())
    assert recomputed == model.card.signature_sha256


def test_loading_twice_gives_the_same_weights(model):
    again = zoo.load(NAME)
    assert again.weights == model.weights == "probe"
    assert again.weights_sha256() == model.weights_sha256()


def test_batch_one_keeps_its_batch_axis(model):
    assert model.logits(probe.images(model.card.resolution, 1)).shape == (1, 1000)


def test_a_checkpoint_in_its_container_loads_unchanged(model, tmp_path):
    """A file as the release writes it, with weights that are not the probe's."""
    state = {name: tensor * 1.5 for name, tensor in model.module.state_dict().items()}
    path = tmp_path / "init"
    torch.save({"state_dict": state, "epoch": 3}, path)
    loaded = zoo.load(NAME, weights=path)
    assert loaded.weights == "file"
    np.testing.assert_array_equal(
        loaded.parameters()["classifier.linear.weight"], 1.5 * model.parameters()["classifier.linear.weight"]
    )


def test_names_of_a_parallel_training_are_understood(model, tmp_path):
    path = tmp_path / "parallel.pth"
    torch.save({f"module.{name}": tensor for name, tensor in model.module.state_dict().items()}, path)
    assert zoo.load(NAME, weights=path).weights_sha256() == model.weights_sha256()


@pytest.mark.parametrize(
    "prefix", ["model.", "model.model.", "student.net.", "module.model.", "model.module._orig_mod."]
)
def test_a_prefix_that_all_names_have_is_taken_off_and_recorded(prefix, model, tmp_path):
    path = tmp_path / "last.ckpt"
    state = {prefix + name: tensor for name, tensor in model.module.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3, "hyper_parameters": {"lr": 0.1}}, path)
    loaded = zoo.load(NAME, weights=path)
    assert loaded.weights_sha256() == model.weights_sha256()
    left = prefix.removeprefix("module.").replace("_orig_mod.", "")
    assert (loaded.checkpoint["prefix"], loaded.checkpoint["entry"]) == (left, "state_dict")


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module._orig_mod.", "module.module."])
def test_what_wrappers_add_to_names_is_no_prefix_of_the_user(prefix, model, tmp_path):
    path = tmp_path / "compiled.pth"
    torch.save({prefix + name: tensor for name, tensor in model.module.state_dict().items()}, path)
    loaded = zoo.load(NAME, weights=path)
    assert loaded.weights_sha256() == model.weights_sha256()
    assert set(loaded.checkpoint) == {"sha256"}


def test_tensors_of_the_training_beside_a_prefix_are_left_out_and_counted(model, tmp_path):
    path = tmp_path / "last.ckpt"
    state = {f"model.{name}": tensor for name, tensor in model.module.state_dict().items()}
    torch.save({"state_dict": {**state, "loss.weight": torch.ones(3)}}, path)
    loaded = zoo.load(NAME, weights=path)
    assert loaded.weights_sha256() == model.weights_sha256()
    assert loaded.checkpoint["tensors_left_out"] == "1"


def test_a_network_under_two_prefixes_is_refused(model, tmp_path):
    path = tmp_path / "mean_teacher.pth"
    state = model.module.state_dict().items()
    torch.save({f"{who}.{name}": tensor for who in ("student", "teacher") for name, tensor in state}, path)
    with pytest.raises(WeightsError, match=r"2 times, under the prefixes 'student.', 'teacher.'; save one alone"):
        zoo.load(NAME, weights=path)


@pytest.mark.parametrize("prefix", ["", "model."])
def test_another_number_of_classes_is_named(prefix, model, tmp_path):
    path = tmp_path / "pets.pth"
    state = {prefix + name: tensor for name, tensor in model.module.state_dict().items()}
    for name in ("weight", "bias"):
        key = f"{prefix}classifier.linear.{name}"
        state[key] = state[key][:37]
    torch.save(state, path)
    with pytest.raises(
        WeightsError, match=r"for 37 classes, and the network has 1,000; .*function that builds the file's network"
    ) as raised:
        zoo.load(NAME, weights=path)
    assert "fetch it again" not in str(raised.value)


def test_a_backbone_under_a_prefix_lacks_its_head_alone(model, tmp_path):
    path = tmp_path / "backbone.pth"
    state = {f"model.{n}": t for n, t in model.module.state_dict().items() if not n.startswith("classifier")}
    torch.save(state, path)
    with pytest.raises(
        WeightsError, match=r"under the prefix 'model.' of its names; missing classifier.linear.weight, [^,]*bias; give"
    ):
        zoo.load(NAME, weights=path)


def test_a_checkpoint_of_another_model_lists_what_does_not_fit(tmp_path):
    path = tmp_path / "other.pth"
    torch.save(zoo.load("ofa/cpu_lat-10ms_top1-71.1_finetune-25").module.state_dict(), path)
    with pytest.raises(
        WeightsError,
        match=r"does not fit ofa/LG.*missing blocks.3.conv.depth_conv.se.*more; it is a checkpoint of ofa/cpu_lat\S+: "
        "select that model",
    ):
        zoo.load(NAME, weights=path)


def test_a_tensor_of_another_shape_is_named(model, tmp_path):
    state = dict(model.module.state_dict())
    state["classifier.linear.bias"] = torch.zeros(7)
    path = tmp_path / "short.pth"
    torch.save(state, path)
    with pytest.raises(WeightsError, match=r"classifier.linear.bias has shape \(7,\), the network \(1000,\)"):
        zoo.load(NAME, weights=path)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"model": [torch.zeros(1)], "epoch": 3}, "entries model; epoch"),
        ({"optimizer": {"state": {0: {"step": torch.zeros(1)}}}}, "entries optimizer"),
        ({"state_dict": [1]}, "entries state_dict"),
        ({}, "an empty dict"),
        (torch.zeros(1), "a Tensor"),
    ],
)
def test_a_file_without_a_state_dict_reports_what_it_holds(content, found, tmp_path):
    path = tmp_path / "other.pth"
    torch.save(content, path)
    with pytest.raises(
        WeightsError, match=rf"does not fit {NAME}: no state dict .*'state_dict'\), only {found}; save one: "
    ):
        zoo.load(NAME, weights=path)


def test_a_whole_module_is_refused_by_its_class(model, tmp_path):
    path = tmp_path / "module.pth"
    torch.save(model.module, path)
    with pytest.raises(
        WeightsError, match=r"module.pth cannot be opened .*: it contains ofa\.\S+, which is not data: .*save its"
    ):
        zoo.load(NAME, weights=path)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(WeightsError, match=f"no checkpoint file of {NAME} at .*none.pth"):
        zoo.load(NAME, weights=tmp_path / "none.pth")


def test_older_names_of_the_release_are_understood(model, tmp_path):
    """As its own loading renames: a block's convolutions, and the layers of a supernet, wrapped once more."""
    old = {
        name.replace(".conv.depth_conv.bn.", ".mobile_inverted_conv.depth_conv.bn.bn.")
        .replace(".conv.inverted_bottleneck.", ".mobile_inverted_conv.inverted_bottleneck.")
        .replace("classifier.linear.", "classifier.linear.linear."): tensor
        for name, tensor in model.module.state_dict().items()
    }
    assert len(old.keys() - model.module.state_dict().keys()) > 50
    path = tmp_path / "init"
    torch.save({"state_dict": old}, path)
    assert zoo.load(NAME, weights=path).weights_sha256() == model.weights_sha256()


def test_names_of_another_release_are_not_renamed(tmp_path):
    model = zoo.load("regnet/RegNetX-200MF")
    state = {name.replace("head.fc.", "head.linear.linear."): t for name, t in model.module.state_dict().items()}
    path = tmp_path / "other.pth"
    torch.save({"model_state": state}, path)
    with pytest.raises(WeightsError, match=r"missing head.fc.weight, .*unexpected head.linear.linear.weight"):
        zoo.load(model.card, weights=path)


def test_a_state_that_does_not_fit_changes_nothing(model, tmp_path):
    own = zoo.load(NAME)
    state = {name: tensor * 3 for name, tensor in model.module.state_dict().items()}
    state["classifier.linear.bias"] = torch.zeros(1000, dtype=torch.int64)
    path = tmp_path / "integers.pth"
    torch.save(state, path)
    with pytest.raises(WeightsError, match=r"wrong data types in classifier\.linear\.bias"):
        own.load_file(path)
    assert own.weights_sha256() == model.weights_sha256()
    assert own.weights == "probe"


def test_batch_counters_may_be_left_out(model, tmp_path):
    state = {name: t for name, t in model.module.state_dict().items() if "num_batches" not in name}
    path = tmp_path / "without.pth"
    torch.save(state, path)
    loaded = zoo.load(NAME, weights=path)
    assert loaded.weights_sha256() == model.weights_sha256()
    assert set(loaded.checkpoint) == {"sha256"}
    assert loaded.recalibrated is None


def test_only_a_model_that_was_fetched_is_released(model, tmp_path):
    from foundation.digests import file_sha256
    from zoo.checkpoints import FetchedCheckpoint

    path = tmp_path / "init"
    torch.save({"state_dict": model.module.state_dict()}, path)
    fetched = FetchedCheckpoint(path, file_sha256(path), "https://example.org/init", "tag", file_sha256(path))
    loaded = zoo.load(NAME, fetched)
    assert loaded.weights == "released"
    assert loaded.checkpoint == {"sha256": file_sha256(path), "url": "https://example.org/init", "tag": "tag"}
    assert zoo.load(NAME, path).weights == "file"


def test_released_weights_of_a_model_without_any_are_refused():
    card = zoo.card(NAME)
    unpublished = dataclasses.replace(card, checkpoint=dataclasses.replace(card.checkpoint, url=""))
    with pytest.raises(WeightsError, match="ever published"):
        zoo.load(unpublished, weights="released")


def test_auto_takes_the_probe_where_there_are_none_and_says_so():
    card = zoo.card(NAME)
    unpublished = dataclasses.replace(card, checkpoint=dataclasses.replace(card.checkpoint, url=""))
    with pytest.warns(UserWarning, match=f"{NAME} gets the probe's weights: no checkpoint"):
        model = zoo.load(unpublished, weights="auto")
    assert model.weights == "probe"
    assert model.checkpoint == {}
