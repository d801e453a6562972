"""The parts of the proof that need no GPU, and all of it on a scripted one."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import tensorrt_proof as proof
from benchmarks.tensorrt_proof import PUBLISHED_MS, Row
from harness.processes.build import BuildResult
from harness.processes.trial import TrialResult
from tests.fakes.engines import build_result

SMOKE = """
import json, sys
out = sys.argv[sys.argv.index("--json") + 1]
if "broken" in sys.argv[1]:
    raise SystemExit("smoke.py: the engine was not built")
open(out, "w").write(json.dumps({"stream": {"median_ms": 1.0}, "graph": {"median_ms": 0.5}, "argv": sys.argv[1:]}))
"""


def row(model: str = "gpunet/GPUNet-0", **figures: Any) -> Row:
    good = {"stream_ms": 1.0, "smoke_stream_ms": 1.0, "graph_ms": 0.5, "smoke_graph_ms": 0.5, "protocol_ms": 0.9}
    return Row(model, "fp16", **{**good, **figures})


@pytest.mark.parametrize(
    ("figures", "agrees"),
    [
        ({}, True),
        ({"stream_ms": 1.019}, True),
        ({"stream_ms": 1.021}, False),
        ({"graph_ms": 0.489}, False),
        ({"graph_ms": None}, False),
        ({"smoke_stream_ms": None}, False),
    ],
)
def test_both_medians_must_agree(figures: dict[str, Any], agrees: bool) -> None:
    assert row(**figures).agrees is agrees


def test_the_published_order_is_checked_pair_by_pair() -> None:
    published = PUBLISHED_MS["V100"]
    measured = {f"gpunet/GPUNet-{name}": value for name, value in published.items()}
    assert proof.out_of_order(measured, published) == []
    measured["gpunet/GPUNet-P0"], measured["gpunet/GPUNet-1"] = 0.9, 0.85
    assert proof.out_of_order(measured, published) == [("P0", "1")]
    # 0 and P0 were published as equal: neither order is wrong.
    measured["gpunet/GPUNet-0"] = 0.99
    assert ("P0", "0") not in proof.out_of_order(measured, published)
    assert proof.out_of_order({"gpunet/GPUNet-0": 1.0}, published) == []


def gpunets(scale: float = 1.0) -> list[Row]:
    return [row(f"gpunet/GPUNet-{name}", protocol_ms=scale * value) for name, value in PUBLISHED_MS["A100"].items()]


def test_the_summary_is_good_only_where_everything_is() -> None:
    assert proof.summarise(gpunets())[1]
    assert not proof.summarise([])[1]
    assert not proof.summarise([*gpunets(), row("ofa/x", problem="trial: failed: no", stream_ms=None)])[1]
    turned = gpunets()
    turned[0].protocol_ms = 9.0
    lines, good = proof.summarise(turned)
    assert not good
    assert any("0 before 1" in line for line in lines)


def test_model_and_file_names_convert_both_ways() -> None:
    for model in proof.MODELS:
        assert proof.model_of(Path(proof.file_of(model))) == model


def test_every_model_of_the_proof_is_in_the_zoo() -> None:
    import zoo

    assert set(proof.MODELS) <= set(zoo.list_models("*"))
    assert {model.split("/")[0] for model in proof.MODELS} == {model.split("/")[0] for model in zoo.list_models("*")}


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_the_command_line_of_the_other_program(precision: str) -> None:
    command = proof.smoke_command("py", Path("smoke.py"), Path("m.onnx"), precision, Path("a.json"), Path("t.cache"))
    assert command[:3] == ["py", "smoke.py", "m.onnx"]
    assert ("--fp32" in command) == (precision == "fp32")
    assert command[-4:] == ["--timing-cache", "t.cache", "--json", "a.json"]


def test_the_whole_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_onnx: Any) -> None:
    """Build and trial are scripted, the other program is a real process."""
    artifacts, output = tmp_path / "artifacts", tmp_path / "proof"
    artifacts.mkdir()
    for name in ("reference.onnx", "gpunet__GPUNet-0.onnx", "ofa__broken.onnx", "ofa__unbuilt.onnx"):
        tiny_onnx(name=f"artifacts/{name}")
    smoke = tmp_path / "smoke.py"
    smoke.write_text(SMOKE)
    asked = []

    def built(targets: Any, _timeout_s: float) -> list[tuple[Any, BuildResult]]:
        failed = "unbuilt" in targets[0].artifact
        return [(targets[0], BuildResult("unsupported", "no Foo") if failed else build_result(3.0))]

    def trial(job: Any, **_: Any) -> TrialResult:
        gpu = job.first.gpu
        asked.append(gpu)
        median_ms = 0.505 if gpu.cuda_graph else 1.01 if gpu.queue_depth == 1 else 0.95
        return TrialResult("ok", latency_median_ms=median_ms, precision_effective="fp16")

    monkeypatch.setattr(proof, "built", built)
    monkeypatch.setattr(proof, "run_trial", trial)
    argv = ["measure", "--artifacts", str(artifacts), "--smoke", str(smoke), "--output", str(output)]
    rows = proof.Proof(proof.parse([*argv, "--smoke-python", sys.executable])).run()
    proof.write_rows(rows, output / "rows.csv")
    with (output / "rows.csv").open() as file:
        good, broken, unbuilt = csv.DictReader(file)
    assert asked[:3] == [proof.STREAM, proof.GRAPH, proof.PROTOCOL]
    assert (good["model"], good["agrees"]) == ("gpunet/GPUNet-0", "True")
    assert float(good["stream_difference_percent"]) == pytest.approx(1.0)
    assert good["protocol_ms"] == "0.95"
    assert "smoke: smoke.py: the engine was not built" in broken["problem"]
    assert unbuilt["problem"] == "build: unsupported: no Foo"
    assert "--fp32" not in json.loads((output / "smoke-gpunet__GPUNet-0.json").read_text())["argv"]


def test_without_a_gpu_it_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.backends.backend import Availability
    from harness.backends.tensorrt.backend import TensorRtBackend

    monkeypatch.setattr(TensorRtBackend, "availability", lambda self: Availability(False, "No GPU.", "Get one."))
    argv = ["measure", "--artifacts", str(tmp_path), "--smoke", "smoke.py", "--output", str(tmp_path / "proof")]
    with pytest.raises(SystemExit, match=r"No GPU\. Get one\."):
        proof.main(argv)
    assert not (tmp_path / "proof").exists()
