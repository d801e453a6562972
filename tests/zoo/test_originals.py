"""Every model against what the original code computes under the probe."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo import probe

ORIGINALS = Path(__file__).parents[1] / "data" / "originals"
FAST = {
    "efficientnet/efficientnet_b0",
    "efficientnet/tf_efficientnet_b0",
    "efficientnet_x/efficientnet-x-b0",
    "efficientnet_x/efficientnet-x-tpu-b1",
    "fbnet/FBNetV2_F1",
    "fbnet/FBNetV3_A",
    "fbnet/dmasking_f1",
    "fbnet/fbnet_a",
    "fbnet/fbnet_ase",
    "gpunet/GPUNet-0",
    "gpunet/GPUNet-D1",
    "gpunet/GPUNet-P0",
    "lanet/LaNet_CIFAR10_128",
    "ofa/LG-G8_lat-8ms_top1-71.1_finetune-25",
    "ofa/cpu_lat-10ms_top1-71.1_finetune-25",
    "regnet/RegNetX-200MF",
    "regnet/RegNetY-200MF",
    "resnest/resnest50",
    "resnest/resnest50_fast_4s2x40d",
}
RECORDED = {
    f"{path.stem}/{variant}": facts
    for path in sorted(ORIGINALS.glob("*.json"))
    for variant, facts in json.loads(path.read_text()).items()
}


def marked(names):
    return [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in names]


@pytest.fixture
def no_network(monkeypatch):
    """Building a network must reach nothing: some packages download their configurations."""

    def refuse(*_args, **_kwargs):
        raise AssertionError("a network was built from the internet")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_the_fast_models_are_recorded():
    assert set(RECORDED) >= FAST


@pytest.mark.parametrize("name", marked(zoo.list_models()))
@pytest.mark.usefixtures("no_network")
def test_the_built_network_has_the_parameters_and_multiply_adds_of_its_card(name):
    model = zoo.load(name)
    card = model.card
    assert model.signature_sha256() == card.signature_sha256
    assert model.count_parameters() == card.parameters
    assert model.count_macs() == card.macs


@pytest.mark.parametrize("name", marked(RECORDED))
def test_the_logits_are_the_originals(name):
    expected = RECORDED[name]
    model = zoo.load(name, weights="probe")
    logits = model.logits(probe.images(model.card.resolution))
    head = logits[:, : probe.HEAD_LENGTH]
    assert logits.shape == (2, model.card.classes)
    assert logits.dtype == np.float32
    assert probe.relative_l2(head, np.array(expected["logits_head"])) < probe.FRAMEWORK_TOLERANCE
    assert np.linalg.norm(logits.astype(np.float64)) == pytest.approx(
        expected["logits_l2"], rel=probe.FRAMEWORK_TOLERANCE
    )
    assert logits.argmax(axis=1).tolist() == expected["argmax"]
