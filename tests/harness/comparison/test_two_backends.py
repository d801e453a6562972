"""A candidate on another backend than its baseline."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.comparison.pair import Conditions, Pairing, Side
from harness.comparison.two_backends import facts_of_backend, on_backend
from harness.errors import ComparisonError, HarnessError
from harness.machine.gpu.settings import GpuSettings
from harness.timing.settings import TimingSettings

CONDITIONS = Conditions("onnxruntime", 1, TimingSettings(), GpuSettings(), 60.0, "")
PAIRING = Pairing("a", 1, Side("net.onnx", "d", "fp32"), Side("net.onnx", "d", "fp32"))


def test_only_the_candidate_is_on_it() -> None:
    (one,) = on_backend([PAIRING], "openvino")
    assert [CONDITIONS.target(side, 1).backend for side in (one.base, one.new)] == ["onnxruntime", "openvino"]
    assert on_backend([PAIRING], "") == [PAIRING]


def test_the_folder_of_a_usual_gate_is_as_it_was() -> None:
    assert facts_of_backend(CONDITIONS, "") == {}


def test_its_environment_is_one_of_the_gates_facts() -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    facts = facts_of_backend(CONDITIONS, "openvino")
    assert facts["new_backend"] == "openvino"
    assert facts["new_environment_id"]


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("onnxruntime", "--new-backend onnxruntime: it is that of BASE too"),
        ("onnxruntime-cuda", "--new-backend: onnxruntime-cuda runs on a GPU"),
    ],
)
def test_what_is_no_second_runtime_of_the_processor_is_refused(backend: str, message: str) -> None:
    with pytest.raises(ComparisonError, match=message):
        facts_of_backend(CONDITIONS, backend)


def test_a_backend_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(HarnessError, match=r"backend openvino cannot run here: openvino does not load.*pip install"):
        facts_of_backend(CONDITIONS, "openvino")


def test_a_gate_compares_them_on_one_file(
    write_network: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    net, output, data = str(write_network(shape=[1, 3, 32, 32])), str(tmp_path / "gate"), tmp_path / "gate.json"
    quick = ["--pairs", "2", "--confirm-pairs", "7", "--block-ms", "2", "--block-groups", "1", "--threads", "1"]
    words = ["gate", net, net, *quick, "--new-backend", "openvino", "--margin", "10000", "--output", output]
    assert main([*words, "--json", str(data)]) in (0, 3)
    (series,) = json.loads(data.read_text())["series"]
    assert len(series["screen_log_ratios"]) == 2
    assert series["pairing"]["new"]["backend"] == "openvino"
    capsys.readouterr()
    # Without it, it is another gate.
    assert main([one for one in words if one not in ("--new-backend", "openvino")]) == 2
    assert "new_backend was 'openvino', is None" in capsys.readouterr().err
