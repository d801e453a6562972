from __future__ import annotations

import os
import pickle

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


def test_a_checkpoint_of_another_model_lists_what_does_not_fit(tmp_path):
    path = tmp_path / "other.pth"
    torch.save(zoo.load("ofa/cpu_lat-10ms_top1-71.1_finetune-25").module.state_dict(), path)
    with pytest.raises(WeightsError, match=r"does not fit ofa/LG.*missing blocks.3.conv.depth_conv.se.*and \d+ more"):
        zoo.load(NAME, weights=path)


def test_a_tensor_of_another_shape_is_named(model, tmp_path):
    state = dict(model.module.state_dict())
    state["classifier.linear.bias"] = torch.zeros(7)
    path = tmp_path / "short.pth"
    torch.save(state, path)
    with pytest.raises(WeightsError, match=r"classifier.linear.bias has shape \(7,\), the network \(1000,\)"):
        zoo.load(NAME, weights=path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>Not Found</html>", "Unsupported operand 60"),
        (b"", r"EOFError\(\)"),
        (b"PK\x03\x04 truncated", ".+"),
    ],
)
def test_what_is_no_checkpoint_is_said_with_what_to_do(content, reason, tmp_path):
    """And not with PyTorch's own advice, which is to load it without `weights_only`."""
    path = tmp_path / "page.pth"
    path.write_bytes(content)
    with pytest.raises(
        WeightsError, match=f"page.pth cannot be opened as a checkpoint of {NAME}: {reason}; fetch it anew"
    ):
        zoo.load(NAME, weights=path)


def test_a_truncated_checkpoint_is_said(model, tmp_path):
    path = tmp_path / "half.pth"
    torch.save(model.module.state_dict(), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WeightsError, match=r"half\.pth cannot be opened as a checkpoint"):
        zoo.load(NAME, weights=path)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"model": {"weight": torch.zeros(1)}, "epoch": 3}, "entries model; epoch"),
        ({"state_dict": [1]}, "a list"),
        (torch.zeros(1), "a Tensor"),
    ],
)
def test_a_file_without_a_state_dict_tells_what_it_holds(content, found, tmp_path):
    path = tmp_path / "other.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=rf"does not fit {NAME}: no state dict .*'state_dict'\), but {found}$"):
        zoo.load(NAME, weights=path)


def test_a_whole_module_is_refused_by_its_class(model, tmp_path):
    path = tmp_path / "module.pth"
    torch.save(model.module, path)
    with pytest.raises(
        WeightsError, match=r"module.pth cannot be opened .*: Unsupported global: GLOBAL ofa\..*save its"
    ):
        zoo.load(NAME, weights=path)


class Exploit:
    def __reduce__(self):
        return os.mkdir, ("exploited",)


def test_nothing_in_a_checkpoint_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps(Exploit()))
    with pytest.raises(WeightsError, match="cannot be opened"):
        zoo.load(NAME, weights=path)
    torch.save({"state_dict": Exploit()}, path)
    with pytest.raises(WeightsError, match="cannot be opened"):
        zoo.load(NAME, weights=path)
    assert not (tmp_path / "exploited").exists()


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(WeightsError, match=f"no checkpoint file of {NAME} at .*none.pth"):
        zoo.load(NAME, weights=tmp_path / "none.pth")


def test_released_weights_point_to_the_file_to_fetch():
    with pytest.raises(WeightsError, match="download https://"):
        zoo.load(NAME, weights="released")
