"""What OpenVINO computes of a file beside ONNX Runtime."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from harness.__main__ import main
from harness.artifacts.facts import facts_of_file
from harness.artifacts.file_agreement import ComparedOn, FileAgreement
from harness.artifacts.runtime_agreement import agree_with_onnxruntime, summary
from harness.backends.openvino.session import OpenVinoSession
from harness.backends.session import Arrays
from harness.errors import FallbackError
from tests.fakes.networks import classifier_file, two_inputs_file

pytest.importorskip("openvino", reason="openvino is not installed")

GENERATED = ComparedOn(None, None, "")


def compared(path: Path, precision: str = "fp32") -> FileAgreement:
    (found,) = agree_with_onnxruntime([facts_of_file(path, "openvino", precision, 1)], GENERATED)
    return found


@pytest.fixture
def net(tmp_path: Path) -> Path:
    return classifier_file(tmp_path / "net.onnx", [1, 3, 32, 32])


def test_a_network_in_float32_agrees(net: Path) -> None:
    found = compared(net)
    assert (found.status, found.name) == ("ok", "onnx/net in fp32 on openvino")
    assert [one.images for one in found.agreements] == ["noise", "natural"]
    assert all(one.relative_l2 < 1e-5 and one.top1_agreement == 1 for one in found.agreements)


def test_outputs_that_only_fewer_bits_explain_differ(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The layers may say float32 whatever they compute in; the logits cannot."""
    exact = OpenVinoSession.outputs

    def coarse(self: OpenVinoSession) -> Arrays:
        return {name: (value.view(np.int32) & -65536).view(np.float32) for name, value in exact(self).items()}

    monkeypatch.setattr(OpenVinoSession, "outputs", coarse)
    found = compared(net)
    assert found.status == "differs"
    assert "more than 1e-04 from ONNX Runtime's outputs of the same file" in found.line()
    assert "relative L2 " in found.line()


def test_what_cannot_be_compared_says_why(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    series = facts_of_file(net, "openvino", "fp32", 1)
    failed = dataclasses.replace(series, status="timeout", reason="too slow")
    changed = dataclasses.replace(series, artifact_sha256="0" * 64)
    found = list(agree_with_onnxruntime([failed, changed], GENERATED))
    assert [one.status for one in found] == ["timeout", "failed"]
    assert "changed" in found[1].reason

    def refuse(self: OpenVinoSession) -> None:
        raise FallbackError("fp32 was requested, but bf16 it is.")

    monkeypatch.setattr(OpenVinoSession, "check_precision_impl", refuse)
    assert compared(net).line() == "onnx/net in fp32 on openvino  failed: fp32 was requested, but bf16 it is."


def test_the_sum_names_the_farthest(net: Path) -> None:
    one = compared(net)
    none = FileAgreement("other", "timeout", "too slow")
    text = summary([one, none], "openvino 1.2")
    assert text.startswith("openvino 1.2: 1 of 2 ok; the largest relative L2 from ONNX Runtime is ")
    assert text.endswith(", of onnx/net in fp32 on openvino")
    assert summary([none], "openvino 1.2") == "openvino 1.2: 0 of 1 ok"


def test_files_are_verified_on_it_from_the_command_line(
    tmp_path: Path, net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = two_inputs_file(tmp_path / "two.onnx")
    words = ["verify", "--onnx", str(net), "--onnx", str(two), "--cache-dir", str(tmp_path / "cache")]
    assert main([*words, "--backend", "openvino"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[:2] for line in lines[:2]] == [
        ["onnx/net in fp32 on openvino", "ok"],
        ["onnx/two in fp32 on openvino", "ok"],
    ]
    assert "values: 16 rows" in lines[1]
    assert "2 of 2 ok" in lines[-1]
    assert main(["verify", "--onnx", str(net), "--precision", "int8", *words[-2:], "--backend", "openvino"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[:2] for line in lines[:2]] == [
        ["onnx/net in fp32 on openvino", "ok"],
        ["onnx/net in int8 on openvino", "ok"],
    ]
