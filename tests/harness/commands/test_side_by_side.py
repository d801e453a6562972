"""Several runtimes and precisions in one run directory, on real runs of small networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness import backends
from harness.__main__ import main
from harness.backends.device import environment_of
from harness.machine.gpu.settings import GpuSettings
from tests.fakes.networks import classifier_file

pytest.importorskip("openvino", reason="openvino is not installed")

QUICK = ["--block-ms", "1", "--block-groups", "1", "--threads", "1"]
BOTH = ["--backend", "onnxruntime,openvino"]
RUNTIMES = ("onnxruntime", "openvino")


def run(tmp_path: Path, *words: object) -> int:
    places = ["--output", str(tmp_path / "results"), "--cache-dir", str(tmp_path / "cache")]
    return main(["run", *QUICK, *places, *map(str, words)])


def rows(tmp_path: Path) -> list[dict[str, Any]]:
    # As text: whether a column has an empty cell depends on the speed of the machine.
    return pd.read_csv(tmp_path / "results" / "results.csv", dtype=str, keep_default_na=False).to_dict("records")


def trials(tmp_path: Path) -> list[tuple[str, int]]:
    """Backend and round of each trial, in the order in which they were made."""
    lines = (tmp_path / "results" / "trials.jsonl").read_text().splitlines()
    found = map(json.loads, lines)
    return [(entry["series"].split("|")[2], entry["round"]) for entry in found]


@pytest.fixture
def networks(tmp_path: Path) -> list[str]:
    """The options of three small networks."""
    files = [classifier_file(tmp_path / f"net{size}.onnx", [1, 3, size, size]) for size in (16, 24, 32)]
    return [word for file in files for word in ("--onnx", str(file))]


def test_both_runtimes_are_measured_in_the_same_rounds(
    tmp_path: Path, networks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, *networks, *BOTH, "--rounds", 2) == 0
    found = rows(tmp_path)
    assert [(row["model"], row["backend"], row["status"]) for row in found] == [
        (f"onnx/net{size}", backend, "ok") for backend in RUNTIMES for size in (16, 24, 32)
    ]
    # Each row has the environment that a run of its backend alone would have.
    alone = {name: environment_of(backends.get(name), GpuSettings(), 1).environment_id for name in RUNTIMES}
    assert {row["backend"]: row["environment_id"] for row in found} == alone
    assert len(set(alone.values())) == 2
    assert [row["runtime"].split()[0] for row in found] == [row["backend"] for row in found]
    made = trials(tmp_path)
    assert [round_ for _, round_ in made] == [0] * 6 + [1] * 6
    assert "onnx/net16 (openvino): " in capsys.readouterr().err

    report = (tmp_path / "results" / "results.md").read_text()
    assert "## Runtimes side by side" in report
    assert "### openvino over onnxruntime, fp32" in report
    paired = pd.read_csv(tmp_path / "results" / "runtimes.csv")
    assert sorted(paired["model"]) == ["onnx/net16", "onnx/net24", "onnx/net32"]
    assert (paired["ratio_low"] <= paired["ratio"]).all()
    assert "Rank changes" in (tmp_path / "results" / "report.html").read_text()


def test_a_run_is_resumed_with_a_backend_less_or_more(
    tmp_path: Path, networks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    one = networks[:2]
    assert run(tmp_path, *one, "--rounds", 1) == 0
    before = rows(tmp_path)
    assert run(tmp_path, *one, *BOTH, "--rounds", 1) == 0
    assert trials(tmp_path) == [("onnxruntime", 0), ("openvino", 0)]
    assert rows(tmp_path)[0] == before[0]
    assert run(tmp_path, *one, "--backend", "openvino", "--rounds", 2) == 0
    assert trials(tmp_path) == [("onnxruntime", 0), ("openvino", 0), ("openvino", 1)]
    assert {row["backend"]: int(row["trials_count"]) for row in rows(tmp_path)} == {"onnxruntime": 1, "openvino": 2}
    capsys.readouterr()
    assert run(tmp_path, *one, *BOTH, "--threads", 2) == 2
    assert "threads was 1, is 2" in capsys.readouterr().err


def test_each_precision_is_made_for_each_runtime(tmp_path: Path) -> None:
    file = classifier_file(tmp_path / "net.onnx", [1, 3, 32, 32])
    # The kernels of this small network decide whether int8 runs as int8; how it is converted is what counts.
    run(tmp_path, "--onnx", file, *BOTH, "--precision", "fp32,int8", "--rounds", 1)
    found = {(row["backend"], row["precision"]): row for row in rows(tmp_path)}
    assert list(found) == [(backend, precision) for backend in RUNTIMES for precision in ("fp32", "int8")]
    artifacts = {key: row["artifact_sha256"] for key, row in found.items()}
    assert artifacts["onnxruntime", "fp32"] == artifacts["openvino", "fp32"]
    # Each runtime has the placement that is best for it.
    assert len(set(artifacts.values())) == 3
    assert all(found[backend, "int8"]["calibration"] for backend in RUNTIMES)
    settings = json.loads((tmp_path / "results" / "run.json").read_text())["settings"]
    assert (settings["backend"], settings["precision"]) == ("onnxruntime,openvino", "fp32,int8")


def test_a_backend_that_cannot_run_here_is_named_before_anything_starts(
    tmp_path: Path, networks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    if backends.get("tensorrt").availability().usable:
        pytest.skip("TensorRT is installed")
    assert run(tmp_path, *networks, "--backend", "onnxruntime,tensorrt") == 2
    assert "backend tensorrt cannot run here" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_an_unknown_backend_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path, "--models", "smoke", "--backend", "onnxruntime,openwine")
    assert "'openwine' is none of onnxruntime" in capsys.readouterr().err


def test_a_protocol_has_one_backend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--models", "smoke", "--protocol", "gpunet-paper", "--backend", "tensorrt,openvino") == 2
    assert "--protocol gpunet-paper measures with backend tensorrt" in capsys.readouterr().err


def test_other_commands_take_one_backend(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["profile", "resnest", "--backend", "onnxruntime,openvino"])
    assert "invalid choice: 'onnxruntime,openvino'" in capsys.readouterr().err


def test_the_plan_names_every_combination(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--models", "regnet/RegNetX-200MF", *BOTH, "--precision", "fp32,int8", "--dry-run"]
    assert run(tmp_path, *words) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"regnet/RegNetX-200MF  to convert  ({backend}, {precision})"
        for backend in RUNTIMES
        for precision in ("fp32", "int8")
    ]
    # One fp32 artifact is for both, and each has an int8 one of its own.
    assert "4 series, 3 to convert" in printed.err
    assert "on onnxruntime and openvino" in printed.err
