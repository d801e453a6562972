"""Drivers of the releases that are packages too, and of EfficientNet-X, on checkouts of a few lines."""

from __future__ import annotations

import dataclasses
import sys
import types

import pytest

import zoo
from zoo.errors import MissingPackageError, ReleaseError
from zoo.releases.drivers import driver

TIMM = """
import torch
def is_model(name):
    return name == "efficientnet_b0"
def create_model(name, *, pretrained, exportable):
    assert exportable and not pretrained
    return torch.nn.Linear(3, 7)
"""
PYCLS_CONFIG = """
outputs = 5
def reset_cfg():
    global outputs
    outputs = 0
def load_cfg(file):
    global outputs
    with open(file) as text:
        outputs += int(text.read())
"""
PYCLS_BUILDERS = """
import torch
from pycls.core import config
def build_model():
    return torch.nn.Linear(3, config.outputs)
"""
RESNEST = """
import torch
def resnest50(pretrained):
    assert not pretrained
    return torch.nn.Linear(3, 7)
"""
OFA = """
import torch
class ProxylessNASNets:
    @staticmethod
    def build_from_config(config):
        assert config["name"] == "ProxylessNASNets" and len(config["blocks"]) == 18
        return torch.nn.Linear(3, 7)
def get_net_by_name(name):
    if name != "ProxylessNASNets":
        raise ValueError(f"unrecognized type of network: {name}")
    return ProxylessNASNets
"""
BUILDER = """
import tensorflow.compat.v1 as tf
import utils
def efficientnet_x_params(name):
    return {"efficientnet-x-b0": 7}[name]
def build_model(images, name, training):
    assert not training
    kernel = tf.get_variable(name + "/weight", (3, efficientnet_x_params(name)))
    return tf.matmul(tf.reduce_mean(images, [1, 2]), kernel), {}
"""
CHECKOUTS = {
    "efficientnet": ("pytorch-image-models", {"timm/__init__.py": TIMM}),
    "efficientnet_x": (
        "tpu",
        {
            "models/official/efficientnet/utils.py": "",
            "models/official/efficientnet/efficientnet_model.py": "",
            "models/official/efficientnet/efficientnet_builder.py": "",
            "models/official/efficientnet/tpu/__init__.py": "",
            "models/official/efficientnet/tpu/efficientnet_x_builder.py": BUILDER,
        },
    ),
    "ofa": (
        "once-for-all",
        {
            "ofa/__init__.py": "",
            "ofa/imagenet_classification/__init__.py": "",
            "ofa/imagenet_classification/networks/__init__.py": OFA,
        },
    ),
    "regnet": (
        "pycls",
        {
            "pycls/__init__.py": "",
            "pycls/core/__init__.py": "",
            "pycls/core/config.py": PYCLS_CONFIG,
            "pycls/core/builders.py": PYCLS_BUILDERS,
            "configs/dds_baselines/regnety/RegNetY-200MF_dds_8gpu.yaml": "7",
        },
    ),
    "resnest": ("ResNeSt", {"resnest/__init__.py": "", "resnest/torch/__init__.py": RESNEST}),
}
"""By source: the checkout's name and its files, enough for one model with 21 weights."""
MODELS = {
    "efficientnet": "efficientnet_b0",
    "efficientnet_x": "efficientnet-x-b0",
    "ofa": "1080ti_gpu64-12ms_top1-72.6_finetune-25",
    "regnet": "RegNetY-200MF",
    "resnest": "resnest50",
}
TOP_LEVEL = {"efficientnet_builder", "efficientnet_model", "ofa", "pycls", "resnest", "timm", "tpu", "utils"}


@pytest.fixture(autouse=True)
def fresh_imports(monkeypatch):
    """Forgets what a test imports under the releases' names, before and after it."""

    def forget():
        found = [name for name in sys.modules if name.partition(".")[0] in TOP_LEVEL]
        return {name: sys.modules.pop(name) for name in found}

    known = forget()
    monkeypatch.setattr(sys, "path", list(sys.path))
    # No layer is built here, so any module of this name will do.
    monkeypatch.setitem(sys.modules, "tf_keras", types.ModuleType("tf_keras"))
    yield
    forget()
    sys.modules.update(known)


@pytest.fixture
def checkout(tmp_path):
    """Writes a source's checkout, without the files that `without` begins; returns what a driver is given."""

    def write(source, without="\0"):
        name, files = CHECKOUTS[source]
        folder = tmp_path / f"{name}@0123"
        folder.mkdir()
        for path, text in files.items():
            if not path.startswith(without):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text)
        return {name: folder}

    return write


def card_of(source):
    return zoo.card(f"{source}/{MODELS[source]}")


@pytest.mark.parametrize("source", CHECKOUTS)
def test_the_network_is_the_checkouts(source, checkout):
    native = driver(source).build(card_of(source), checkout(source))
    assert native.card == card_of(source)
    parameters = native.parameters()
    assert next(values for name, values in parameters.items() if name.endswith("weight")).size == 21


@pytest.mark.parametrize("source", CHECKOUTS)
def test_a_model_that_the_checkout_lacks_is_reported(source, checkout):
    card = dataclasses.replace(card_of(source), variant="RegNetZ-1MF")
    if source == "ofa":
        card = dataclasses.replace(card, architecture={**card.architecture, "family": "MobileNetV3"})
        card = dataclasses.replace(card, architecture={**card.architecture, "expand_width": 64})
    (folder,) = (checkouts := checkout(source)).values()
    with pytest.raises(ReleaseError) as caught:
        driver(source).build(card, checkouts)
    assert f"{source}/RegNetZ-1MF: " in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("source", sorted(set(CHECKOUTS) - {"efficientnet_x"}))
def test_an_installed_package_does_not_stand_in_for_what_the_checkout_lacks(source, checkout):
    top = {"efficientnet": "timm", "ofa": "ofa", "regnet": "pycls", "resnest": "resnest"}[source]
    (folder,) = (checkouts := checkout(source, without=f"{top}/")).values()
    with pytest.raises(ReleaseError, match=rf"was to come from the checkout {folder}, but came from .*{top}"):
        driver(source).build(card_of(source), checkouts)


@pytest.mark.parametrize("module", ["utils", "efficientnet_model", "efficientnet_builder"])
def test_a_module_of_that_name_from_elsewhere_is_reported(module, checkout, tmp_path, monkeypatch):
    (tmp_path / f"{module}.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    __import__(module)
    checkouts = checkout("efficientnet_x")
    with pytest.raises(ReleaseError, match=rf"{module} was to come from the checkout .*, but came from .*{module}\.py"):
        driver("efficientnet_x").build(card_of("efficientnet_x"), checkouts)


def test_a_missing_tf_keras_is_reported(checkout, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf_keras", None)
    with pytest.raises(MissingPackageError, match=r"needs tf_keras.*pip install --no-deps 'tf_keras==\d+\.\d+\.\*'"):
        driver("efficientnet_x").build(card_of("efficientnet_x"), checkout("efficientnet_x"))
