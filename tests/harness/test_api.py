"""Measuring from Python: what the functions return, raise and leave, and where they can be called."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import harness
from harness.__main__ import main
from harness.records.schema import COLUMN_NAMES
from harness.text.notes import silenced
from harness.timing.settings import TimingSettings
from tests.harness.accuracy.conftest import make_images, write_classifier
from tests.harness.comparison.conftest import make_row, write_run

__all__ = ["make_images", "make_row", "write_classifier", "write_run"]

WriteNetwork = Callable[..., Path]


@pytest.fixture
def measure(tmp_path: Path, quick_timing: TimingSettings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`harness.run` with short trials, in the test's folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: Any, **options: Any) -> pd.DataFrame:
        defaults = {"rounds": 2, "threads": 1, "timing": quick_timing, "cache_dir": tmp_path / "cache"}
        return harness.run(*arguments, **{**defaults, **options})

    return run


def test_a_run_returns_its_rows_and_leaves_its_directory(
    measure: Callable[..., Any], write_network: WriteNetwork, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = measure(onnx=write_network())
    assert tuple(rows.columns) == COLUMN_NAMES
    assert (list(rows["model"]), list(rows["status"]), list(rows["trials_count"])) == (["onnx/tiny"], ["ok"], [2])
    assert (str(rows["trials_count"].dtype), str(rows["latency_median_ms"].dtype)) == ("Int64", "float64")
    said = capfd.readouterr()
    assert said.out == ""
    assert "[round 1 1/1] onnx/tiny" in said.err
    files = {path.name for path in (tmp_path / "results").iterdir()}
    assert {"results.csv", "results.md", "report.html", "trials.jsonl", "series.json", "run.json", "samples"} <= files
    pd.testing.assert_frame_equal(rows, harness.results())
    pd.testing.assert_frame_equal(rows, harness.results("results/results.csv"))


def test_the_same_call_resumes_and_another_adds_to_the_directory(
    measure: Callable[..., Any], write_network: WriteNetwork
) -> None:
    first = measure(onnx=str(write_network()))
    again = measure(onnx=[write_network()])
    pd.testing.assert_frame_equal(first, again)
    other = measure(onnx=write_network("other.onnx", weight=1.0))
    assert list(other["model"]) == ["onnx/other"], "the rows that were asked for"
    assert sorted(harness.results()["model"]) == ["onnx/other", "onnx/tiny"]


def test_the_command_line_continues_what_a_call_began(
    measure: Callable[..., Any], write_network: WriteNetwork, tmp_path: Path
) -> None:
    network = write_network()
    measure(onnx=network, rounds=1, timing=TimingSettings(block_ms=2.0, groups=1))
    places = ["--cache-dir", str(tmp_path / "cache"), "--threads", "1"]
    options = ["--rounds", "2", "--block-ms", "2", "--block-groups", "1", "--resume"]
    assert main(["run", "--onnx", str(network), *options, *places]) == 0
    assert list(harness.results()["trials_count"]) == [2]


def test_a_failure_is_a_row(measure: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no graph")
    rows = measure(onnx="broken.onnx")
    assert rows.loc[0, "status"] == "failed"
    assert rows.loc[0, "reason"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"models": "resnest51"}, "nearest: resnest/resnest50"),
        ({"models": ["regnet", "vgg*"]}, r"no model matches 'vgg\*'"),
        ({"onnx": "gone.onnx"}, r"gone\.onnx: no such file"),
        ({"models": "smoke", "batch": 0}, "give a number of at least 1"),
        ({"models": "smoke", "batch": [1, 2]}, r"--batch \[1, 2\]: give a number of at least 1"),
        ({"models": "smoke", "budget_s": "10m"}, "budget_s='10m': give a number of seconds"),
        ({"models": "smoke", "budget_s": -1}, "budget_s=-1: give a number of seconds"),
        ({"models": "smoke", "backend": "abacus"}, "abacus"),
        ({"onnx": "a.onnx", "precision": "fp8"}, "--precision fp8: choose one of fp32, fp16, int8, bf16"),
        ({"artifacts": "nowhere"}, "nowhere is not a folder of artifacts"),
        ({"models": "smoke", "images": "nowhere"}, "nowhere"),
        ({"input_range": (0, 1), "input": "a.npy"}, "give one of them"),
        ({"input": "a.txt"}, "'a.txt' is neither an .npy nor an .npz file"),
        ({"onnx": "a.onnx", "input_range": (1, 0)}, "is not a range of numbers"),
        ({"timm": "test_vitt"}, "unknown model 'test_vitt' in timm; nearest: test_vit,"),
        ({"torchvision": ["alexnet", "resnet5"]}, "unknown model 'resnet5' in torchvision; nearest: resnet50,"),
    ],
)
def test_a_bad_request_is_raised_and_nothing_is_written(
    measure: Callable[..., Any], arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(harness.HarnessError, match=message):
        measure(**arguments)
    assert not (tmp_path / "results").exists()


FREE: list[int | str] = ["n", 3, "h", "w"]


def test_shapes_and_values_of_inputs_are_those_of_the_command_line(
    measure: Callable[..., Any], write_network: WriteNetwork, tmp_path: Path
) -> None:
    network = write_network(shape=FREE)
    timing = TimingSettings(block_ms=2.0, groups=1)
    (row,) = measure(
        onnx=network, rounds=1, timing=timing, shape={"input": (2, 3, 16, 16)}, input_range=(0, 255)
    ).to_dict("records")
    assert (row["status"], row["batch"], row["resolution"], row["inputs"]) == ("ok", 2, 16, "0:255")
    options = ["--rounds", "2", "--block-ms", "2", "--block-groups", "1", "--resume", "--threads", "1"]
    stated = ["--shape", "input:2x3x16x16", "--input-range", "0:255", "--cache-dir", str(tmp_path / "cache")]
    assert main(["run", "--onnx", str(network), *options, *stated]) == 0
    assert list(harness.results()["trials_count"]) == [2]


def test_inputs_hold_the_values_of_a_file(measure: Callable[..., Any], write_network: WriteNetwork) -> None:
    np.save("images.npy", np.zeros((1, 3, 16, 16), np.float32))
    (row,) = measure(onnx=write_network(shape=FREE), rounds=1, input="images.npy").to_dict("records")
    assert (row["status"], row["resolution"], row["inputs"]) == ("ok", 16, str(Path("images.npy").absolute()))
    assert len(row["inputs_sha256"]) == 64


def test_a_library_of_operators_is_used(measure: Callable[..., Any], write_network: WriteNetwork) -> None:
    Path("ops.so").write_bytes(b"no library")
    (row,) = measure(onnx=write_network(), rounds=1, custom_operators=Path("ops.so")).to_dict("records")
    assert row["status"] == "failed"
    assert "ops.so is not a library of operators" in row["reason"]


def test_accuracy_is_evaluated_in_the_stated_shape(
    make_images: Callable[..., Path], write_model: WriteNetwork, tmp_path: Path
) -> None:
    network = write_model(shape=FREE)
    places = {"output": tmp_path / "results", "cache_dir": tmp_path / "cache", "threads": 1, "progress": False}
    (row,) = harness.evaluate(make_images(classes=5), onnx=network, shape={"input": (1, 3, 24, 24)}, **places).to_dict(
        "records"
    )
    assert (row["resolution"], row["status"]) == (24, "skipped")
    assert row["accuracy_images_count"] == 30
    assert "centre 24 px" in row["accuracy_preprocessing"]


def test_no_backend_is_a_bad_request(measure: Callable[..., Any]) -> None:
    with pytest.raises(harness.HarnessError, match="backend: give at least one"):
        measure("smoke", backend=[])


def test_results_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(harness.HarnessError, match=r"nowhere is not there; give the directory of a run"):
        harness.results(tmp_path / "nowhere")


def test_a_table_of_something_else_names_some_of_what_it_lacks(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n")
    with pytest.raises(
        harness.HarnessError, match=r"missing model, .* and \d+ more; unknown a, b\. Give the"
    ) as raised:
        harness.results(table)
    assert len(str(raised.value)) < 400 + len(str(table))


def test_progress_can_be_silenced(
    measure: Callable[..., Any], write_network: WriteNetwork, capfd: pytest.CaptureFixture[str]
) -> None:
    measure(onnx=write_network(), progress=False)
    assert capfd.readouterr() == ("", "")


def test_silence_is_per_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.text.console import say

    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with silenced():
        say("unheard")
        other = threading.Thread(target=say, args=("of another thread",))
        other.start()
        other.join()
    say("heard")
    assert stream.getvalue() == "of another thread\nheard\n"


def test_a_comparison_is_a_table(write_run: Callable[..., Path], make_row: Callable[..., Any], tmp_path: Path) -> None:
    base = write_run("base", make_row("a/x", [1.0, 1.01, 0.99, 1.0, 1.0]), make_row("a/gone", [1.0, 1.0]))
    new = write_run("new", make_row("a/x", [1.5, 1.51, 1.49, 1.5, 1.5]))
    found = harness.compare(str(base), new)
    assert isinstance(found, harness.RunsComparison)
    table = found.table().set_index("model")
    assert table.loc["a/x", "verdict"] == "regressed"
    assert table.loc["a/x", "change_low_percent"] < table.loc["a/x", "change_percent"] == pytest.approx(50, abs=2)
    assert table.loc["a/gone", "verdict"] == "not measured"
    assert pd.isna(table.loc["a/gone", "change_percent"])
    assert table.loc["a/gone", "reason"]
    with pytest.raises(harness.HarnessError, match="nowhere"):
        harness.compare(base, tmp_path / "nowhere")


def test_accuracy_is_evaluated_beside_the_latency(
    measure: Callable[..., Any], make_images: Callable[..., Path], write_classifier: WriteNetwork, tmp_path: Path
) -> None:
    images, network = make_images(), write_classifier()
    both = measure(onnx=network, images=images)
    alone = harness.evaluate(
        images, onnx=network, threads=1, output="alone", cache_dir=tmp_path / "cache", progress=False
    )
    for rows in (both, alone):
        assert list(rows["accuracy_images_count"]) == [42]
        assert rows["accuracy_measured_top1_percent"].between(0, 100).all()
    assert (both.loc[0, "status"], alone.loc[0, "status"]) == ("ok", "skipped")
    assert harness.evaluate(images, onnx=network, threads=1, cache_dir=tmp_path / "cache", limit=21).loc[
        0, "latency_median_ms"
    ] == pytest.approx(both.loc[0, "latency_median_ms"])


def test_runtimes_are_measured_and_evaluated_side_by_side(
    measure: Callable[..., Any], make_images: Callable[..., Path], write_classifier: WriteNetwork
) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    rows = measure(onnx=write_classifier(), backend=["onnxruntime", "openvino"], images=make_images(), rounds=1)
    assert list(zip(rows["backend"], rows["status"], strict=True)) == [("onnxruntime", "ok"), ("openvino", "ok")]
    assert list(rows["accuracy_images_count"]) == [42, 42]
    assert rows["environment_id"].nunique() == 2
    assert rows["accuracy_measured_top1_percent"].nunique() == 1


SCRIPT = """\
import harness
from harness.timing.settings import TimingSettings

print("started")
rows = harness.run(
    model="mynet:build", resolution=16, rounds=1, threads=1, progress=False, timing=TimingSettings(block_ms=2.0)
)
print(*rows["model"], *rows["status"], *rows["reason"])
"""

IN_A_THREAD = """\
import threading
thread = threading.Thread(target=exec, args=(open("script.py").read(), {}))
thread.start()
thread.join()
"""

NETWORK = """\
import torch

def build():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
"""


@pytest.mark.parametrize(
    ("command", "stdin"),
    [(["script.py"], ""), (["-"], SCRIPT), (["-c", IN_A_THREAD], "")],
    ids=["a script without a guard", "standard input", "a thread"],
)
def test_it_converts_and_measures_wherever_it_is_called(
    tmp_path: Path, command: list[str], stdin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mynet.py").write_text(NETWORK)
    (tmp_path / "script.py").write_text(SCRIPT)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[2]}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ended = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, input=stdin, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "started\nown/mynet:build ok \n", ended.stdout + ended.stderr
