"""The parts of the proof that need no GPU, and all of it on a scripted one."""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import tensorrt_proof as proof
from benchmarks.tensorrt_proof import PUBLISHED_MS, Row
from harness.backends.backend import Availability
from harness.backends.onnxruntime.cuda import OnnxRuntimeCudaBackend
from harness.backends.tensorrt.backend import TensorRtBackend
from harness.backends.tensorrt.rtx_backend import TensorRtRtxBackend
from harness.machine.gpu.figures import GpuFigures
from harness.processes.build import BuildResult
from harness.processes.trial import TrialJob, TrialResult
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


def test_without_another_program_rows_are_measured_but_not_compared() -> None:
    alone = row(compared=False, smoke_stream_ms=None, smoke_graph_ms=None)
    assert alone.agrees is None
    assert alone.good
    assert not row(compared=False, problem="trial: failed: no").good
    rows = [dataclasses.replace(one, compared=False, smoke_stream_ms=None) for one in gpunets()]
    lines, good = proof.summarise(rows)
    assert lines[0] == "7 of 7 models were measured"
    assert good


def test_a_row_keeps_what_its_trials_say_of_the_engine() -> None:
    found = row()
    for jit_s, jit_cache in ((2.5, "miss"), (0.25, "hit")):
        figures = GpuFigures(engine_capabilities="8.0 and later", jit_s=jit_s, jit_cache=jit_cache, warnings=("Slow.",))
        found.note(TrialResult("ok", precision_effective="fp16", gpu=figures))
    assert (found.jit_s, found.jit_cache, found.warnings) == (2.5, "miss+hit", "Slow.")
    assert (found.engine_capabilities, found.precision_effective) == ("8.0 and later", "fp16")


def test_the_gpunets_come_first() -> None:
    names = ["alphanet__a0.onnx", "own__x.onnx", "gpunet__GPUNet-D1.onnx", "gpunet__GPUNet-0.onnx"]
    assert [path.name for path in proof.in_order(map(Path, names))] == [
        "gpunet__GPUNet-0.onnx", "gpunet__GPUNet-D1.onnx", "alphanet__a0.onnx", "own__x.onnx",
    ]  # fmt: skip


def test_another_program_is_required_for_tensorrt_alone(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["measure", "--artifacts", "a", "--output", "o"]
    with pytest.raises(SystemExit):
        proof.parse(argv)
    assert "give --smoke" in capsys.readouterr().err
    found = proof.parse([*argv, "--backend", "tensorrt-rtx", "--for", "8.6"])
    assert (found.smoke, found.capabilities) == (None, ("sm86",))


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


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_onnx: Any) -> list[TrialJob]:
    """Builds and trials are scripted; ONNX Runtime finds no GPU. Returns the jobs of the trials."""
    (tmp_path / "artifacts").mkdir()
    for name in ("reference.onnx", "gpunet__GPUNet-0.onnx", "ofa__broken.onnx", "ofa__unbuilt.onnx"):
        tiny_onnx(name=f"artifacts/{name}")
    jobs: list[TrialJob] = []

    def built(targets: Any, _timeout_s: float) -> list[tuple[Any, BuildResult]]:
        failed = "unbuilt" in targets[0].artifact
        return [(targets[0], BuildResult("unsupported", "no Foo") if failed else build_result(3.0))]

    def trial(job: TrialJob, **_: Any) -> TrialResult:
        jobs.append(job)
        gpu = job.first.gpu
        median_ms = 0.505 if gpu.cuda_graph else 1.01 if gpu.queue_depth == 1 else 0.95
        figures = GpuFigures(jit_cache="miss", jit_s=1.5) if job.first.backend == "tensorrt-rtx" else None
        return TrialResult("ok", latency_median_ms=median_ms, precision_effective="fp16", gpu=figures)

    monkeypatch.setattr(proof, "built", built)
    monkeypatch.setattr(proof, "run_trial", trial)
    for backend in (TensorRtBackend, TensorRtRtxBackend):
        monkeypatch.setattr(backend, "availability", lambda self: Availability(True, "A GPU."))
    monkeypatch.setattr(OnnxRuntimeCudaBackend, "availability", lambda self: Availability(False, "None.", "Get one."))
    return jobs


def written(output: Path) -> list[dict[str, str]]:
    with (output / "rows.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_whole_proof(tmp_path: Path, scripted: list[TrialJob]) -> None:
    """The other program is a real process."""
    output, smoke = tmp_path / "proof", tmp_path / "smoke.py"
    smoke.write_text(SMOKE)
    argv = ["measure", "--artifacts", str(tmp_path / "artifacts"), "--smoke", str(smoke), "--output", str(output)]
    proof.Proof(proof.parse([*argv, "--smoke-python", sys.executable])).run()
    good, broken, unbuilt = written(output)
    assert [job.first.gpu for job in scripted][:4] == [proof.PROTOCOL, proof.STREAM, proof.GRAPH, proof.PROTOCOL]
    assert (good["model"], good["agrees"]) == ("gpunet/GPUNet-0", "True")
    assert float(good["stream_difference_percent"]) == pytest.approx(1.0)
    assert good["protocol_ms"] == "0.95"
    assert "smoke: smoke.py: the engine was not built" in broken["problem"]
    assert unbuilt["problem"] == "build: unsupported: no Foo"
    assert "--fp32" not in json.loads((output / "smoke-gpunet__GPUNet-0.json").read_text())["argv"]
    assert json.loads((output / "checks.json").read_text()) == {
        "onnxruntime-cuda": "None. Get one.",
        "tensorrt": "ok, 0.9500 ms, computes in fp16.",
    }


def test_tensorrt_for_rtx_is_measured_without_another_program(tmp_path: Path, scripted: list[TrialJob]) -> None:
    artifacts, output = tmp_path / "artifacts", tmp_path / "proof"
    argv = ["measure", "--artifacts", str(artifacts), "--output", str(output), "--backend", "tensorrt-rtx"]
    proof.Proof(proof.parse([*argv, "--for", "sm80"])).run()
    first, second, unbuilt = written(output)
    assert (first["agrees"], first["smoke_stream_ms"], first["problem"]) == ("", "", "")
    assert (first["stream_ms"], first["jit_s"], first["jit_cache"]) == ("1.01", "1.5", "miss+miss+miss")
    assert second["problem"] == ""
    assert unbuilt["problem"] == "build: unsupported: no Foo"
    assert {(job.first.backend, job.first.gpu.capabilities) for job in scripted} == {("tensorrt-rtx", ("sm80",))}
    assert {job.first.bundle_dir for job in scripted} == {str(artifacts)}


def test_an_engine_that_does_not_load_ends_the_proof_with_its_reason(
    tmp_path: Path, scripted: list[TrialJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "run_trial", lambda job, **_: TrialResult("failed", "not built for this GPU"))
    argv = ["measure", "--artifacts", str(tmp_path / "artifacts"), "--output", str(tmp_path / "proof")]
    with pytest.raises(SystemExit, match="trial: failed: not built for this GPU"):
        proof.Proof(proof.parse([*argv, "--backend", "tensorrt-rtx"])).run()
    assert "not built" in json.loads((tmp_path / "proof" / "checks.json").read_text())["tensorrt-rtx"]


def test_without_a_gpu_it_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TensorRtBackend, "availability", lambda self: Availability(False, "No GPU.", "Get one."))
    argv = ["measure", "--artifacts", str(tmp_path), "--smoke", "smoke.py", "--output", str(tmp_path / "proof")]
    with pytest.raises(SystemExit, match=r"No GPU\. Get one\."):
        proof.main(argv)
    assert not (tmp_path / "proof").exists()
