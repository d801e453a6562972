"""`harness gate` as it is called, and what it writes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.__main__ import main
from harness.commands.options.pairs import read_pair_settings
from harness.commands.parser import parse
from harness.machine.gpu.settings import GpuSettings
from harness.records.series import Series


@pytest.fixture
def network(write_network: Callable[..., Path]) -> str:
    return str(write_network(shape=[1, 3, 32, 32]))


QUICK = ["--pairs", "2", "--block-ms", "2", "--block-groups", "1", "--threads", "1", "--seed", "1"]


def test_a_gate_of_a_file_against_itself(network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "gate.json"
    output = ["--output", str(tmp_path / "gate")]
    code = main(["gate", network, network, *QUICK, "--confirm-pairs", "7", "--json", str(data), *output])
    assert code in (0, 3)
    (series,) = json.loads(data.read_text())["series"]
    assert len(series["screen_log_ratios"]) == 2
    assert "of 1 series" in capsys.readouterr().out


def test_free_dimensions_of_lone_files_are_fixed_as_asked(
    write_network: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = [str(write_network(f"{name}.onnx", shape=["n", 3, "h", "w"])) for name in ("old", "new")]
    rest = [*QUICK, "--confirm-pairs", "7", "--cache-dir", str(tmp_path / "cache"), "--output", str(tmp_path / "gate")]
    data = tmp_path / "gate.json"
    assert main(["gate", *sides, "--batch", "2", "--resolution", "32", *rest, "--json", str(data)]) in (0, 1, 3)
    (series,) = json.loads(data.read_text())["series"]
    assert series["pairing"]["batch"] == 2
    assert "is fixed at 2x3x32x32" in capsys.readouterr().err
    assert main(["gate", *sides, "--batch", "2", "--resolution", "64", *rest]) == 2
    assert "has the pairs of another measurement" in capsys.readouterr().err


def test_two_runtimes_are_compared_on_one_artifact(
    network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    data, rest = tmp_path / "gate.json", [*QUICK, "--confirm-pairs", "7", "--output", str(tmp_path / "gate")]
    command = ["gate", network, network, "--new-backend", "openvino", *rest]
    report = tmp_path / "gate.md"
    assert main([*command, "--json", str(data), "--markdown", str(report)]) in (0, 1, 3)
    (series,) = json.loads(data.read_text())["series"]
    assert [series["pairing"][side]["backend"] for side in ("base", "new")] == ["", "openvino"]
    assert len(series["screen_log_ratios"]) == 2
    assert f"{network} on openvino against {network} on onnxruntime" in report.read_text()
    conditions = json.loads((tmp_path / "gate" / "conditions.json").read_text())
    assert list(conditions["other_environment_ids"]) == ["openvino"]
    # The pairs of two runtimes are not those of one.
    assert main(["gate", network, network, *rest]) == 2
    assert "has the pairs of another measurement" in capsys.readouterr().err


def test_runtimes_that_cannot_be_timed_side_by_side_are_refused(
    network: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command = ["gate", network, network, *QUICK, "--output", str(tmp_path / "gate"), "--confirm-pairs", "7"]
    for option in ("--backend", "--new-backend"):
        assert main([*command, option, "tensorrt"]) == 2
        assert "backend tensorrt cannot run here" in capsys.readouterr().err
    assert not (tmp_path / "gate").exists()


def test_a_gate_that_could_call_nothing_is_refused(network: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", network, network, "--confirm-pairs", "6"]) == 2
    assert "it takes 7 or more" in capsys.readouterr().err


def test_an_interrupted_gate_says_so_and_resumes(
    network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], stop_at: Callable[[int | None], list[int]]
) -> None:
    output = tmp_path / "the pairs"
    command = ["gate", network, network, "--pairs", "6", "--threads", "1", "--output", str(output)]
    seeds = stop_at(4)
    assert main(command) == 130
    told = capsys.readouterr().err
    assert f"interrupted after 3 of 6 pairs to screen; they are in {output}, and the same command resumes" in told
    assert "onnx (fp32): screen +0." in told
    assert "(3 pairs)" in told
    stop_at(None)
    assert main(command) == 0
    whole = capsys.readouterr()
    assert "[screen 1/3]" in whole.err
    assert len(seeds) == len(set(seeds)) == 6
    # A verdict that could not be written costs no pair.
    assert main([*command, "--json", f"{output}/pairs.jsonl/gate.json"]) == 2
    assert main(command) == 0
    again = capsys.readouterr()
    assert again.out.endswith(whole.out)
    assert "already had all 6 pairs and nothing was measured" in again.err
    assert len(seeds) == 6
    assert main([*command, "--margin", "1"]) == 2
    assert "rules.margin_percent was 0.5, is 1.0" in capsys.readouterr().err


def test_a_gate_is_not_continued_with_another_network(
    network: str,
    write_network: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    stop_at: Callable[[int | None], list[int]],
) -> None:
    rest = ["--threads", "1", "--output", str(tmp_path / "gate")]
    stop_at(2)
    assert main(["gate", network, network, *rest]) == 130
    other = str(write_network(shape=[1, 3, 64, 64], name="other.onnx"))
    assert main(["gate", network, other, *rest]) == 2
    assert "new_sha256 was" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (["--error-rate", "4e-6", "--confirm-pairs", "17"], "it takes 18 or more"),
        # More pairs than are counted in full are resampled, whose smallest p-value is 1e-5.
        (["--error-rate", "4e-6", "--confirm-pairs", "20"], "give 18, for which every pattern of signs"),
        (["--error-rate", "1e-7", "--confirm-pairs", "500"], "no number of pairs can; give a larger --error-rate"),
    ],
)
def test_a_gate_that_could_call_nothing_says_what_to_do(
    network: str, rules: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gate", network, network, *rules]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--pairs", "--confirm-pairs", "--threads", "--block-groups", "--builds"])
@pytest.mark.parametrize("command", ["gate", "selfcheck"])
def test_a_count_that_is_not_positive_is_refused(network: str, command: str, option: str) -> None:
    words = [network] * (2 if command == "gate" else 1)
    for value in ("0", "-3", "some"):
        with pytest.raises(SystemExit) as ended:
            main([command, *words, option, value])
        assert ended.value.code == 2


def test_a_network_that_could_not_be_converted_leaves_a_gate_open(
    network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], stop_at: Callable[[int | None], list[int]]
) -> None:
    """One of two conversions of the candidate failed: nothing is known of it, and the exit code says so."""
    stop_at(None)
    sides = []
    for side, status in (("base", "ok"), ("new", "failed")):
        (tmp_path / side).mkdir()
        good = Series("ofa/a", "ofa", "a", "onnxruntime", "fp32", 1, artifact_path=network, artifact_sha256="d")
        other = dataclasses.replace(good, model="ofa/b", status=status, reason="" if status == "ok" else "no operator")
        (tmp_path / side / "series.json").write_text(json.dumps([good.to_json(), other.to_json()]))
        sides.append(str(tmp_path / side))
    junit = tmp_path / "gate.xml"
    assert main(["gate", *sides, "--threads", "1", "--output", str(tmp_path / "pairs"), "--junit", str(junit)]) == 3
    told = capsys.readouterr().out
    assert "candidate: failed: no operator" in told
    assert "1 not measured, 1 same of 2 series" in told
    assert ElementTree.fromstring(junit.read_text()).get("skipped") == "1"


def test_artifacts_that_several_models_have_are_measured_and_counted_once(
    network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], stop_at: Callable[[int | None], list[int]]
) -> None:
    seeds = stop_at(None)
    for side in ("base", "new"):
        (tmp_path / side).mkdir()
        first = Series("ofa/a", "ofa", "a", "onnxruntime", "fp32", 1, artifact_path=network, artifact_sha256="d")
        # The third has the artifact of the others on one side only.
        third = dataclasses.replace(first, model="ofa/c", artifact_sha256="d" if side == "base" else "e")
        facts = [first.to_json(), dataclasses.replace(first, model="ofa/b").to_json(), third.to_json()]
        (tmp_path / side / "series.json").write_text(json.dumps(facts))
    data = tmp_path / "gate.json"
    sides = [str(tmp_path / side) for side in ("base", "new")]
    rest = ["--threads", "1", "--output", str(tmp_path / "pairs"), "--json", str(data)]
    # At this rate eight pairs can call something among two series, and nothing among three.
    assert main(["gate", *sides, *rest, "--error-rate", "0.008", "--confirm-pairs", "8"]) == 0
    assert len(seeds) == 12
    assert "2 same of 2 series; 1 more measured as one of these" in capsys.readouterr().out
    found = json.loads(data.read_text())["series"]
    assert [(one["pairing"]["model"], one["verdict"], one["measured_as"]) for one in found] == [
        ("ofa/a", "same", ""),
        ("ofa/b", "same", "ofa/a"),
        ("ofa/c", "same", ""),
    ]
    assert found[1]["log_ratios"] == found[0]["log_ratios"]


def test_a_gate_of_nothing_is_refused(network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", network, str(tmp_path)]) == 2
    assert "not a run directory" in capsys.readouterr().err


def test_a_gate_takes_the_options_of_a_gpu_as_a_run_does(network: str) -> None:
    asked = parse(
        ["gate", network, network, "--device", "1", "--cuda-graph", "--spin", "--exclusive", "--pair-timeout", "2m"]
    )
    conditions = read_pair_settings(asked.options).conditions()
    assert conditions.gpu == GpuSettings(device=1, cuda_graph=True, wait="spin")
    assert conditions.timeout_s == 120


def test_a_gate_on_a_backend_that_cannot_run_says_why(network: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", network, network, "--backend", "onnxruntime-cuda"]) == 2
    assert "backend onnxruntime-cuda cannot run here" in capsys.readouterr().err
