"""Building engines in a process of its own, and what a run makes of how it ends."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.artifacts.request import ArtifactRequest
from harness.backends.backend import Backend, BuiltEngine
from harness.errors import HarnessError, UnsupportedError
from harness.machine.gpu.settings import GpuSettings
from harness.processes import build
from harness.processes.build import Builder, BuildJob, BuildResult, build_engine
from harness.records.series import Series
from harness.runs import prepare
from harness.runs.request import RunRequest

JOB = BuildJob("model.onnx", "compiling", "fp16", "cache", GpuSettings(device=1))


class Compiling(Backend):
    """A backend that builds engines, or fails as told."""

    name = "compiling"
    builds_engines = True

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: dict[str, Any] = {}

    def build(self, artifact: Path, **asked: Any) -> BuiltEngine:
        self.asked = {"artifact": artifact, **asked}
        if self.error:
            raise self.error
        return BuiltEngine(Path("engine"), "digest", 1.0, 2.5, False, "fp16")

    def availability(self) -> Any: ...

    def runtime(self) -> str:
        return "compiling 1"

    def prepare_impl(self, artifact: Path, **asked: Any) -> Any: ...


def use(monkeypatch: pytest.MonkeyPatch, backend: Backend) -> None:
    monkeypatch.setattr("harness.backends.get", lambda name: backend)


def test_what_was_built_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Compiling()
    use(monkeypatch, backend)
    assert build.build(JOB) == BuildResult("ok", build_s=2.5, cached=False)
    assert backend.asked == {
        "artifact": Path("model.onnx"),
        "precision": "fp16",
        "gpu": GpuSettings(device=1),
        "cache_dir": Path("cache"),
    }
    assert BuildJob.from_json(json.loads(json.dumps(JOB.to_json()))) == JOB


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnsupportedError("no kernel for Foo"), "unsupported"),
        (HarnessError("the builder gave up"), "failed"),
        (RuntimeError("CUDA error: out of memory"), "out_of_memory"),
    ],
)
def test_an_exception_becomes_a_status(monkeypatch: pytest.MonkeyPatch, error: Exception, status: str) -> None:
    use(monkeypatch, Compiling(error))
    result = build.build(JOB)
    assert result.status == status
    assert str(error) in result.reason


def test_a_real_process_answers_for_a_backend_that_builds_nothing() -> None:
    job = BuildJob("model.onnx", "onnxruntime", "fp32", "", GpuSettings())
    result = build_engine(job, timeout_s=60)
    assert result.status == "unsupported"
    assert "builds no engines" in result.reason


SERVER = """
import json, os, sys
from harness.processes.partner import answer_lines
def answer(job):
    print("noise of a runtime")
    if job["artifact"] == "crash.onnx":
        os.abort()
    if job["artifact"] == "hang.onnx":
        import time
        print("tactic 7", file=sys.stderr, flush=True)
        time.sleep(600)
    return {"status": "ok", "reason": "", "build_s": float(os.getpid()), "cached": job["precision"] == "fp32"}
answer_lines(answer)
"""


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    """A builder whose process tells its number as the seconds, and has every FP32 engine in its cache."""
    script = tmp_path / "python"
    server = tmp_path / "server.py"
    server.write_text(SERVER)
    script.write_text(f"#!/bin/sh\nexec {sys.executable} {server}\n")
    script.chmod(0o755)
    return Builder(script)


def job(artifact: str, precision: str = "fp16") -> BuildJob:
    return BuildJob(f"{artifact}.onnx", "tensorrt", precision, "", GpuSettings())


def test_engines_in_the_cache_share_a_process_and_builds_do_not(builder: Builder) -> None:
    with builder:
        found = [builder.build(job("a", precision), 60).build_s for precision in ("fp32", "fp32", "fp16", "fp16")]
    assert found[0] == found[1] == found[2]
    assert found[3] != found[2]


def test_a_build_that_crashes_or_hangs_costs_its_own_result_only(builder: Builder) -> None:
    with builder:
        crashed = builder.build(job("crash"), 60)
        hung = builder.build(job("hang"), 2)
        after = builder.build(job("a"), 60)
    assert crashed.status == "failed"
    assert "The build's process crashed with SIGABRT" in crashed.reason
    assert hung.status == "timeout"
    assert "build did not end within 2 s" in hung.reason
    assert "tactic 7" in hung.reason
    assert after.status == "ok"


def series(name: str, status: str = "ok") -> Series:
    return Series(
        f"gpunet/{name}",
        "gpunet",
        name,
        "compiling",
        "fp16",
        1,
        artifact_path=f"{name}.onnx",
        artifact_sha256=name,
        status=status,
    )


def build_all(results: dict[str, BuildResult], members: list[Series], monkeypatch: pytest.MonkeyPatch) -> Any:
    use(monkeypatch, Compiling())
    jobs: list[BuildJob] = []

    def fake_build(self: Builder, job: BuildJob, timeout_s: float) -> BuildResult:
        jobs.append(job)
        return results.get(Path(job.artifact).stem, BuildResult("ok", build_s=1.0, cached=False))

    monkeypatch.setattr(Builder, "build", fake_build)
    told: list[str] = []
    request = RunRequest(ArtifactRequest(backend="compiling", precision="fp16"))
    found = prepare.build_engines(request, members, Path("reference.onnx"), Path("cache"), told.append)
    return found, jobs, told


def test_a_run_builds_the_reference_in_fp32_and_every_series(monkeypatch: pytest.MonkeyPatch) -> None:
    members = [series("a"), series("b", status="failed")]
    found, jobs, told = build_all({}, members, monkeypatch)
    assert [(job.artifact, job.precision) for job in jobs] == [("reference.onnx", "fp32"), ("a.onnx", "fp16")]
    assert found == members
    assert told[0].startswith("engines: 1 built")


def test_a_failed_build_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = BuildResult("unsupported", "TensorRT has no Foo")
    found, _, _ = build_all({"a": broken}, [series("a"), series("b")], monkeypatch)
    assert [(one.status, one.reason) for one in found] == [("unsupported", "TensorRT has no Foo"), ("ok", "")]


def test_without_a_reference_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HarnessError, match="reference network's engine: failed: no kernel"):
        build_all({"reference": BuildResult("failed", "no kernel")}, [series("a")], monkeypatch)
