"""`harness reproduce` as it is called, and the script as a stranger calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.__main__ import main
from tests.harness.conftest import WriteNetwork

QUICK = ["--rounds", "2", "--block-ms", "1", "--block-groups", "1", "--threads", "1"]


@pytest.fixture
def run(tmp_path: Path, write_network: WriteNetwork, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of one network in two runtimes."""
    monkeypatch.chdir(tmp_path)
    command = ["run", "--onnx", str(write_network()), "--backend", "onnxruntime,openvino", "--cache-dir", "cache"]
    assert main([*command, *QUICK, "--output", "results"]) == 0
    return Path("results")


def _script(folder: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs the script isolated from this folder and from the user's settings."""
    return subprocess.run([sys.executable, "-I", f"{folder}/reproduce.py", *words], capture_output=True, text=True)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_row_is_measured_again_by_the_script_alone(
    run: Path, backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["reproduce", str(run), "onnx/tiny", "--backend", backend, "-o", "mine"]) == 0
    assert capsys.readouterr().out.split() == [
        str(Path("mine", name)) for name in ("reproduce.py", "model.onnx", "inputs.npz", "expected.json")
    ]
    expected = json.loads(Path("mine/expected.json").read_text())
    assert (expected["backend"], expected["trials"], expected["timed_ms"]) == (backend, 2, 2.0)
    ended = _script("mine")
    row, here, told = ended.stdout.splitlines()
    assert row.startswith("row:  ")
    assert expected["runtime"] in row
    assert here.endswith(expected["runtime"])
    assert ended.returncode == int("outside" in told)


def test_which_of_several_rows_has_to_be_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", str(run), "onnx/tiny", "-o", "mine"]) == 2
    assert "has 2 such rows: give --backend onnxruntime; --backend openvino" in capsys.readouterr().err
    assert main(["reproduce", str(run), "onnx/tiny", "--backend", "tensorrt", "-o", "mine"]) == 2
    assert "has no such row: give --backend onnxruntime; --backend openvino" in capsys.readouterr().err
    assert main(["reproduce", str(run), "onnx/other", "-o", "mine"]) == 2
    assert "the run has no row of onnx/other; it has onnx/tiny" in capsys.readouterr().err
    assert not Path("mine").exists()


def test_another_model_than_the_rows_is_not_measured(run: Path) -> None:
    assert main(["reproduce", str(run), "onnx/tiny", "--backend", "onnxruntime", "-o", "mine"]) == 0
    with Path("mine/model.onnx").open("ab") as file:
        file.write(b"\n")
    ended = _script("mine")
    assert ended.returncode == 1
    assert "it is not the row's" in ended.stderr


def test_a_folder_that_holds_something_is_left_alone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")
    assert main(["reproduce", str(run), "onnx/tiny", "--backend", "onnxruntime", "-o", "mine"]) == 2
    assert "holds something; give -o a new folder" in capsys.readouterr().err
    assert [one.name for one in Path("mine").iterdir()] == ["notes.txt"]
