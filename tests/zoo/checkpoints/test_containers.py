"""From a server to logits, for the container of every source.

The files are made here as each release writes them, of the probe's weights, with what else lies in them: states that
must not be taken, optimisers, configurations. The logits must be those that the original code computes.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import zipfile

import pytest
import torch
from safetensors.torch import save

import zoo
from zoo import probe
from zoo.checkpoints import FetchSettings
from zoo.errors import WeightsError
from zoo.recorded import logits_error, recorded, reference


def saved(content, *, legacy=False):
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def archived(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def untrained(state):
    """A state of the same names and shapes that must not be taken; of a few bytes."""
    return {name: tensor.new_zeros(()).expand(tensor.shape) for name, tensor in state.items()}


def of_timm(state):
    """timm's training script (its utils/checkpoint_saver.py), of GPUNet: averaged weights beside the others."""
    return {
        "epoch": 449,
        "arch": "gpunet",
        "state_dict": {f"module.{name}": tensor for name, tensor in untrained(state).items()},
        "optimizer": {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
        "version": 2,
        "args": argparse.Namespace(model="gpunet", lr=0.06, mean=(0.485, 0.456, 0.406)),
        "amp_scaler": {"scale": 65536.0},
        "state_dict_ema": {f"module.{name}": tensor for name, tensor in state.items()},
        "metric": 78.9,
    }


def gpunet(state, card):
    member = card.checkpoint.archive_member
    return archived(**{member: saved(of_timm(state)), "readme.txt": b"GPUNet"})


def gpunet_plain(state, card):
    return archived(**{card.checkpoint.archive_member: saved(state)})


def fbnet_averaged(state, card):
    return saved(
        {"model_ema": {f"module.{n}": t for n, t in state.items()}, "state_dict": untrained(state), "epoch": 1}
    )


def fbnet_old(state, card):
    return saved({"state_dict": {f"module.{n}": t for n, t in state.items()}, "model_ema": None}, legacy=True)


def pycls(state, card):
    content = {
        "epoch": 99,
        "model_state": state,
        "optimizer_state": {"param_groups": []},
        "cfg": "MODEL:\n  TYPE: anynet",
    }
    return saved(content, legacy=True)


def ofa(state, card):
    renamed = {name.replace(".conv.", ".mobile_inverted_conv.", 1): t for name, t in state.items() if "blocks" in name}
    return saved({"state_dict": renamed | {name: t for name, t in state.items() if "blocks" not in name}}, legacy=True)


def plain(state, card):
    return saved(state)


def safetensors(state, card):
    return save({name: tensor.contiguous() for name, tensor in state.items()})


def lanet(state, card):
    content = {"epoch": 599, "model_state_dict": state, "optimizer_state_dict": {"param_groups": []}}
    return archived(**{card.checkpoint.archive_member: saved(content), "lanas_128_99.03/log.txt": b"best_acc"})


@pytest.fixture
def settings(tmp_path, notes):
    """With the usual patience: these files are of the releases' own sizes."""
    return FetchSettings(tmp_path / "cache", listener=notes)


CASES = {
    "gpunet/GPUNet-0": gpunet,
    "gpunet/GPUNet-P0": gpunet_plain,
    "fbnet/FBNetV2_F1": fbnet_averaged,
    "fbnet/fbnet_a": fbnet_old,
    "regnet/RegNetX-200MF": pycls,
    "ofa/LG-G8_lat-8ms_top1-71.1_finetune-25": ofa,
    "efficientnet/efficientnet_b0": plain,
    "efficientnet/tf_efficientnet_b0": safetensors,
    "resnest/resnest50_fast_4s2x40d": plain,
    "lanet/LaNet_CIFAR10_128": lanet,
}
SLOW = {"lanet/LaNet_CIFAR10_128", "gpunet/GPUNet-P0"}


def served(server, card, data):
    """The card with its checkpoint at the server, and no digest of the real one."""
    path = f"/{card.source}/file.zip" if card.checkpoint.archive_member else f"/{card.source}/file.pth"
    server.files[path] = data
    there = dataclasses.replace(card.checkpoint, url=server.url(path), sha256_prefix="")
    return dataclasses.replace(card, checkpoint=there)


def assert_is_the_original(model, expected):
    logits = model.logits(probe.images(model.card.resolution))
    assert logits_error(logits, expected) < probe.FRAMEWORK_TOLERANCE
    assert logits.argmax(axis=1).tolist() == expected["argmax"]


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in CASES])
def test_a_fetched_checkpoint_computes_what_the_original_does(name, server, settings, tmp_path):
    built = zoo.load(name)
    card = served(server, built.card, CASES[name](built.module.state_dict(), built.card))

    model = zoo.load(card, weights="released", settings=settings)
    assert model.weights == "released"
    assert model.checkpoint["url"] == card.checkpoint.url
    assert_is_the_original(model, reference(name))

    # And out of a mirror: a copy of that cache, with the server gone.
    server.files.clear()
    mirrored = FetchSettings(tmp_path / "other", mirror=str(settings.folder), listener=settings.listener)
    again = zoo.load(card, weights="released", settings=mirrored)
    assert again.checkpoint == model.checkpoint
    assert again.weights_sha256() == model.weights_sha256()
    assert (tmp_path / "other" / "checkpoints").is_dir()


def test_the_supernet_is_fetched_once_and_cut_for_every_subnet(server, settings, supernet_file):
    card = served(server, zoo.card("alphanet/a0"), supernet_file.read_bytes())
    model = zoo.load(card, weights="released", settings=settings)
    assert (model.weights, model.needs_recalibration) == ("released", True)
    assert_is_the_original(model, recorded("alphanet")["a0"]["from_supernet"])
    asked = len(server.requests)
    other = dataclasses.replace(zoo.card("alphanet/a1"), checkpoint=card.checkpoint)
    assert zoo.load(other, weights="released", settings=settings).checkpoint == model.checkpoint
    assert len(server.requests) == asked


def test_a_checkpoint_of_another_variant_is_refused_and_named(server, settings):
    other = zoo.load("regnet/RegNetX-400MF")
    card = served(server, zoo.card("regnet/RegNetX-200MF"), pycls(other.module.state_dict(), other.card))
    with pytest.raises(WeightsError) as raised:
        zoo.load(card, weights="released", settings=settings)
    message = str(raised.value)
    assert str(settings.folder) in message
    assert "does not fit regnet/RegNetX-200MF: " in message
    assert "it is a checkpoint of regnet/RegNetX-400MF: select that model" in message
    assert f"{card.checkpoint.url} served when it was fetched: to fetch it again, first remove the file" in message


@pytest.mark.slow
def test_averages_of_a_tensorflow_training_compute_what_the_original_does(tmp_path):
    """EfficientNet-X published none, so its container is tested only as a user's file."""
    name = "efficientnet_x/efficientnet-x-b0"
    built = zoo.load(name)
    import tensorflow as tf

    state = built.parameters()
    tensors = {f"{path}/ExponentialMovingAverage": array for path, array in state.items()}
    tensors |= {path: array * 0 for path, array in state.items()} | {"global_step": 7}
    prefix = str(tmp_path / "model.ckpt-7")
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[tf.constant(array) for array in tensors.values()],
    )
    model = zoo.load(name, weights=f"{prefix}.index")
    assert model.weights == "file"
    assert_is_the_original(model, reference(name))
