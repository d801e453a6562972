from __future__ import annotations

import sys

import numpy as np
import pytest

from zoo import own
from zoo.preprocessing import pipeline

SOURCE = """
import torch

def network():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())

def broken():
    raise RuntimeError("no weights here")

def number():
    return 7

def build(width, bias=True):
    layer = torch.nn.Conv2d(3, width, 3, bias=bias)
    return torch.nn.Sequential(layer, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())

class Family:
    small = staticmethod(lambda: build(2))

ready = build(5)
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "my_own_networks.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_a_function_of_a_module_here_is_a_native_model():
    model = own.load("my_own_networks:network", 16)
    assert model.card.name == "own/my_own_networks:network"
    assert model.card.training.all_data == ""
    assert model.weights == "own"
    assert model.count_parameters() == 4 * 3 * 9 + 4
    assert model.count_macs() == 4 * 3 * 9 * 14 * 14
    assert model.logits(np.zeros((2, 3, 16, 16), np.float32)).shape == (2, 4)


@pytest.mark.parametrize(
    ("reference", "classes"),
    [("build(width=3)", 3), ("build(width=2, bias=False)", 2), ("Family.small", 2), ("ready", 5)],
)
def test_a_reference_may_have_arguments_be_in_a_class_or_be_the_network_itself(reference, classes):
    model = own.load(f"my_own_networks:{reference}", 16)
    assert model.card.variant == f"my_own_networks:{reference}"
    assert model.logits(np.zeros((1, 3, 16, 16), np.float32)).shape == (1, classes)


def test_a_module_that_cannot_be_imported_says_why(tmp_path):
    (tmp_path / "my_script.py").write_text("raise SystemExit(2)")
    (tmp_path / "my_typo.py").write_text("def f(:")
    for name, error in (("my_script", "SystemExit"), ("my_typo", "SyntaxError")):
        with pytest.raises(own.OwnModelError, match=f"{name} raised {error} when imported"):
            own.load(f"{name}:network")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("my_own_networks:build", "missing a required argument: 'width'; give its arguments by name"),
        ("my_own_networks:build(depth=3)", "cannot be called: .*; give its arguments by name"),
        ("my_own_networks:build(width=0.5)", r"build\(width=0.5\) raised ValueError"),
        ("my_own_networks:SIZES", "cannot find my_own_networks:SIZES"),
        ("my_own_networks:__name__", "is a str; it must be a function"),
        (
            "my_own_networks:absent",
            r"cannot find my_own_networks:absent: .* has no 'absent'; it has network, broken, number, build, Family",
        ),
        ("no_such_module_here:network", "cannot find no_such_module_here:network"),
        ("my_own_networks:broken", r"broken\(\) raised RuntimeError: no weights here"),
        ("my_own_networks:number", r"number\(\) returned a int; it must return a torch.nn.Module: build the network"),
    ],
)
def test_what_is_not_a_network_says_why(reference, message):
    with pytest.raises(own.OwnModelError, match=message):
        own.load(reference)


def test_a_stated_preprocessing_gives_the_resolution_that_is_left_open():
    stated = own.card("a:b", 48).preprocessing
    assert own.card("a:b", None, stated).resolution == 48
    assert own.card("a:b", None, stated).preprocessing == stated
    assert own.load("my_own_networks:network", preprocessing=stated).card.resolution == 48


def test_the_assumed_preprocessing_follows_the_resolution():
    for resolution, shorter in ((None, 256), (224, 256), (320, 366)):
        facts = own.card("a:b", resolution)
        assert (facts.preprocessing.resize_px, facts.preprocessing.crop_px) == (shorter, facts.resolution)
        assert pipeline(facts.preprocessing, facts.resolution).resolution_px == (resolution or 224)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_package", "my_imports imports no_such_package, which is not installed here; install it"),
        ("import no_such_package.inner", "my_imports imports no_such_package, which is not installed here"),
        ("from torch import no_such_name", "my_imports raised ImportError when imported: cannot import name"),
    ],
)
def test_what_a_module_imports_is_not_taken_for_the_module(source, message, tmp_path, monkeypatch):
    (tmp_path / "my_imports.py").write_text(source)
    monkeypatch.delitem(sys.modules, "my_imports", raising=False)
    with pytest.raises(own.OwnModelError, match=message):
        own.load("my_imports:network")
