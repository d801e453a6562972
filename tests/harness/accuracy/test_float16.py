"""Accuracy in float16 on a processor without float16 kernels: what the rounding does to the predictions is seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto

from harness.__main__ import main
from harness.accuracy.predictions import read_identity
from harness.accuracy.records import Predictions
from harness.accuracy.targets import EvaluationTarget, evaluation_target
from harness.artifacts import rounding
from harness.artifacts.rounding import COMPUTED_IN, NEEDS_ONNX
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.backends.onnxruntime.float16 import rounds_float16
from harness.datasets import open_images
from harness.machine.gpu.settings import GpuSettings
from tests.fakes.classifiers import series_of
from tests.fakes.float16 import coloured_images, largest_channel

without_kernels = pytest.mark.skipif(rounds_float16(), reason="this processor has float16 kernels")

ONE_CLASS_PERCENT = pytest.approx(100 / 3, abs=0.01)
"""Where all logits are equal, the first class is predicted for every image."""

QUICK = ["--rounds", "1", "--block-ms", "2", "--block-groups", "1"]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return coloured_images(tmp_path / "images")


@pytest.fixture
def harness(tmp_path: Path, images: Path) -> Callable[..., pd.DataFrame]:
    """Runs a command on the images and returns the rows; the exit code must be the given one."""

    def run(command: str, *options: str, code: int = 0) -> pd.DataFrame:
        places = ["--output", str(tmp_path / "results"), "--cache-dir", str(tmp_path / "cache"), "--threads", "1"]
        assert main([command, "--images", str(images), "--memory", "64", *options, *places]) == code
        return pd.read_csv(tmp_path / "results" / "results.csv", keep_default_na=False).set_index("precision")

    return run


@without_kernels
@pytest.mark.parametrize("io", [TensorProto.FLOAT, TensorProto.FLOAT16], ids=["float32_io", "float16_io"])
def test_a_float16_file_is_evaluated_with_its_rounding_and_the_row_says_so(harness, tmp_path, io, capsys):
    file = largest_channel(tmp_path / "half.onnx", io=io)
    row = harness("accuracy", "--onnx", str(file)).loc["fp16"]
    assert float(row.accuracy_measured_top1_percent) == ONE_CLASS_PERCENT
    assert row.accuracy_computed_in == COMPUTED_IN
    assert (row.status, row.latency_median_ms, row.precision_effective) == ("skipped", "", "")
    assert f"accuracy: 1 series in fp16 computed in {COMPUTED_IN}" in capsys.readouterr().err
    assert COMPUTED_IN in (tmp_path / "results" / "results.md").read_text()
    assert COMPUTED_IN in (tmp_path / "results" / "report.html").read_text()


@without_kernels
def test_the_same_file_stated_as_float32_is_computed_without_rounding(harness, tmp_path):
    file = largest_channel(tmp_path / "half.onnx")
    row = harness("accuracy", "--onnx", str(file), "--precision", "fp32").loc["fp32"]
    assert (float(row.accuracy_measured_top1_percent), row.accuracy_computed_in) == (100, "")


@without_kernels
def test_an_overflow_is_found(harness, tmp_path):
    file = largest_channel(tmp_path / "half.onnx", overflows=True)
    row = harness("accuracy", "--onnx", str(file), code=1).loc["fp16"]
    assert "'logits' is infinite" in row.accuracy_measured_reason
    assert "65504" in row.accuracy_measured_reason


@without_kernels
def test_a_run_refuses_the_timing_and_gives_the_accuracy(harness, tmp_path):
    file = largest_channel(tmp_path / "half.onnx")
    row = harness("run", "--onnx", str(file), *QUICK, code=1).loc["fp16"]
    assert (row.status, row.latency_median_ms) == ("failed", "")
    assert "the runtime computed in fp32" in row.reason
    assert float(row.accuracy_measured_top1_percent) == ONE_CLASS_PERCENT
    assert row.accuracy_computed_in == COMPUTED_IN


NETWORK = """\
import torch

class LargestChannel(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.same = torch.nn.Conv2d(3, 3, 1, bias=False)
        with torch.no_grad():
            self.same.weight.copy_(torch.eye(3).reshape(3, 3, 1, 1))

    def forward(self, images):
        return self.same(images).mean((2, 3)) * 0.01 + 100.0

def build():
    return LargestChannel()
"""
"""Float16 keeps multiples of 1/16 beside 100, and the channels differ by less."""


@without_kernels
def test_a_users_network_in_fp32_and_fp16_is_compared(harness, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "channel_networks.py").write_text(NETWORK)
    model = ["--model", "channel_networks:build", "--resolution", "16"]
    harness("accuracy", *model)
    found = harness("accuracy", *model, "--precision", "fp16")
    assert found.accuracy_computed_in.to_dict() == {"fp32": "", "fp16": COMPUTED_IN}
    assert float(found.accuracy_measured_top1_percent["fp32"]) == 100
    assert float(found.accuracy_measured_top1_percent["fp16"]) == ONE_CLASS_PERCENT
    capsys.readouterr()
    assert main(["accuracy-compare", str(tmp_path / "results")]) in (0, 1)
    told = capsys.readouterr().out
    assert f"fp16 (computed in {COMPUTED_IN})" in told


@pytest.fixture
def target_of(tmp_path: Path, images: Path) -> Callable[[], EvaluationTarget | str]:
    """The target of a float16 file, by the rules of this moment."""
    facts = dataclasses.replace(series_of(largest_channel(tmp_path / "half.onnx")), precision="fp16")
    found = open_images(images)
    return lambda: evaluation_target(facts, facts.target(1, GpuSettings(), tmp_path), found, None)


def test_on_a_processor_whose_kernels_round_the_network_is_evaluated_as_it_is(target_of, monkeypatch):
    monkeypatch.setattr(OnnxRuntimeBackend, "rounds_float16", lambda _: True)
    target = target_of()
    assert target.computed_in == ""
    assert "computed_in" not in target.identity()


def test_a_machine_without_onnx_says_what_to_install(target_of, monkeypatch):
    monkeypatch.setattr(OnnxRuntimeBackend, "rounds_float16", lambda _: False)
    monkeypatch.setattr(rounding.importlib.util, "find_spec", lambda _: None)
    assert target_of() == NEEDS_ONNX
    assert "pip install onnx" in NEEDS_ONNX


@pytest.mark.parametrize("first", [True, False], ids=["by_kernels_first", "by_rounding_first"])
def test_predictions_of_the_two_computations_are_never_mixed(target_of, images, tmp_path, monkeypatch, first):
    opened = open_images(images)
    for rounds in (first, not first):
        monkeypatch.setattr(OnnxRuntimeBackend, "rounds_float16", lambda _, rounds=rounds: rounds)
        target = target_of()
        again = Predictions(tmp_path, target, opened)
        assert (again.done, again.complete) == (0, False), "what the other computation left does not count"
        again.append(np.zeros((len(opened.items), 5), np.int32))
        again.finish("content")
        assert read_identity(again.path).get("computed_in", "") == target.computed_in
