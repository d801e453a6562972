"""Measurements beside each other on one machine: they take turns, trial by trial, or refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.machine import environment
from harness.machine.device_lock import FOLDER_VARIABLE, DeviceLock

QUICK = ["--block-ms", "2", "--block-groups", "1", "--threads", "1"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))


def command(tmp_path: Path, network: Path, *more: str, output: str = "results") -> list[str]:
    places = ["--output", str(tmp_path / output), "--cache-dir", str(tmp_path / "cache")]
    return ["run", "--onnx", str(network), "--rounds", "3", *QUICK, *places, *more]


def test_two_runs_into_two_folders_wait_for_each_others_trials(
    tmp_path: Path, tiny_onnx: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    network = tiny_onnx()
    assert main(command(tmp_path, network, "--dry-run")) == 0
    commands = [command(tmp_path, network, output=name) for name in ("first", "second")]
    runs = [subprocess.Popen([sys.executable, "-m", "harness", *one]) for one in commands]
    assert [one.wait(timeout=120) for one in runs] == [0, 0]
    for name in ("first", "second"):
        lines = (tmp_path / name / "trials.jsonl").read_text().splitlines()
        assert [json.loads(line)["result"]["status"] for line in lines] == ["ok"] * 3
    assert "is timing on the processor: each trial waits for its turn" in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["run", "gate"])
def test_without_waiting_nothing_is_measured_and_the_same_command_resumes(
    kind: str, tmp_path: Path, tiny_onnx: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    network = tiny_onnx()
    words = command(tmp_path, network, "--no-wait")
    if kind == "gate":
        pairs = ["--pairs", "2", "--confirm-pairs", "7", "--output", str(tmp_path / "gate")]
        words = ["gate", str(network), str(network), *QUICK, *pairs, "--no-wait"]
    other = DeviceLock.of(environment.collect(1), wait=False, say=print)
    with other.held():
        assert main(words) == 2
    assert "the processor is in use: process" in capsys.readouterr().err
    assert main(words) in (0, 3)
