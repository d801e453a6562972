"""Every model compared with what the original code computes under the probe."""

from __future__ import annotations

import socket

import numpy as np
import pytest

import zoo
from zoo import probe
from zoo.catalog.reader import same_network
from zoo.recorded import compare, logits_error, recorded, reference

FAST = {
    "alphanet/a0",
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
RECORDED = [card.name for card in zoo.cards() if card.variant in recorded(card.source)]
NETWORKS = [card.name for card in zoo.cards() if same_network(card)[0] == card]
"""The first card of each network; the others state the same of it (`test_catalog`)."""


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


@pytest.mark.parametrize("name", marked(NETWORKS))
@pytest.mark.usefixtures("no_network")
def test_the_built_network_has_the_parameters_and_multiply_adds_of_its_card(name):
    model = zoo.load(name)
    card = model.card
    assert model.signature_sha256() == card.signature_sha256
    assert model.count_parameters() == card.parameters
    assert model.count_macs() == card.macs


def test_models_of_one_network_have_one_reference():
    first, variant = "efficientnet/tf_efficientnet_b0", "efficientnet/tf_efficientnet_b0.ap_in1k"
    assert reference(variant) == reference(first) is not None
    assert reference("efficientnet/efficientnet_b1.ft_in1k") is None
    assert reference("own/net") is None


@pytest.mark.parametrize("name", marked(RECORDED))
def test_the_logits_are_the_originals(name):
    expected = reference(name)
    model = zoo.load(name, weights="probe")
    logits = model.logits(probe.images(model.card.resolution))
    assert logits.shape == (2, model.card.classes)
    assert logits.dtype == np.float32
    assert logits_error(logits, expected) < probe.FRAMEWORK_TOLERANCE
    assert logits.argmax(axis=1).tolist() == expected["argmax"]


def test_a_network_that_is_not_the_originals_is_detected():
    model = zoo.load("ofa/LG-G8_lat-8ms_top1-71.1_finetune-25")
    assert compare(model).holds
    model.module.first_conv.bn.eps = 0.1
    assert compare(model).logits_error > probe.FRAMEWORK_TOLERANCE
    assert not compare(model).holds


@pytest.mark.parametrize("scale", [1.001, 0.0, float("nan")])
def test_the_error_sees_the_head_and_the_norm(scale):
    expected = reference("regnet/RegNetX-200MF")
    logits = zoo.load("regnet/RegNetX-200MF").logits(probe.images(224))
    wrong_head, wrong_tail = logits.copy(), logits.copy()
    wrong_head[:, :8] *= scale
    wrong_tail[:, 8:] *= scale
    for wrong in (wrong_head, wrong_tail):
        assert not logits_error(wrong, expected) < probe.FRAMEWORK_TOLERANCE
