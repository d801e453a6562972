"""Building engines in a process of its own, and what a run makes of how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import build, run
from harness.backends.base import Backend, BuiltEngine, UnsupportedError
from harness.build import BuildJob, BuildResult, build_engine
from harness.errors import HarnessError
from harness.gpu.settings import GpuSettings
from harness.request import RunRequest
from harness.series import SeriesFacts

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


def test_what_was_built_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    backend = Compiling()
    use(monkeypatch, backend)
    (tmp_path / "job").write_text(json.dumps(JOB.to_json()))
    assert build.main([str(tmp_path / "job"), str(tmp_path / "result")]) == 0
    result = BuildResult.from_json(json.loads((tmp_path / "result").read_text()))
    assert result == BuildResult("ok", build_s=2.5, cached=False)
    assert backend.asked == {
        "artifact": Path("model.onnx"),
        "precision": "fp16",
        "gpu": GpuSettings(device=1),
        "cache_dir": Path("cache"),
    }


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


def test_a_real_process_answers_for_a_backend_that_builds_nothing(tmp_path: Path) -> None:
    result = build_engine(
        BuildJob("model.onnx", "onnxruntime", "fp32", "", GpuSettings()), timeout_s=60, work_dir=tmp_path
    )
    assert result.status == "failed"
    assert "builds no engines" in result.reason


def test_a_build_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = subprocess.Popen
    hang = [sys.executable, "-c", "import time; print('tactic 7', flush=True); time.sleep(600)"]
    monkeypatch.setattr("subprocess.Popen", lambda command, **rest: real(hang, **rest))
    result = build_engine(JOB, timeout_s=1.0, work_dir=tmp_path)
    assert result.status == "timeout"
    assert "build did not end within 1 s" in result.reason


def series(name: str, status: str = "ok") -> SeriesFacts:
    return SeriesFacts(
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


def build_all(results: dict[str, BuildResult], members: list[SeriesFacts], monkeypatch: pytest.MonkeyPatch) -> Any:
    use(monkeypatch, Compiling())
    jobs: list[BuildJob] = []

    def fake_build(job: BuildJob, **limits: Any) -> BuildResult:
        jobs.append(job)
        return results.get(Path(job.artifact).stem, BuildResult("ok", build_s=1.0, cached=False))

    monkeypatch.setattr(run, "build_engine", fake_build)
    told: list[str] = []
    request = RunRequest(backend="compiling", precision="fp16")
    found = run.build_engines(request, members, Path("reference.onnx"), Path("cache"), Path("out"), told.append)
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
