"""Building engines in a child process, and how a run treats its end."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.backends.backend import Backend, BuiltEngine
from harness.backends.device import Device
from harness.errors import HarnessError, UnsupportedError
from harness.machine import environment
from harness.machine.device_lock import DeviceLock
from harness.machine.gpu.settings import GpuSettings
from harness.processes import build
from harness.processes.build import Builder, BuildResult, built
from harness.processes.child import failure
from harness.processes.target import Target
from harness.records.series import Series
from harness.runs import prepare
from tests.fakes.engines import build_result

TARGET = Target("model.onnx", "", "compiling", "fp16", 1, 1, GpuSettings(device=1), "cache")


class Compiling(Backend):
    """A backend that builds engines, or fails as scripted."""

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


def test_the_built_engine_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Compiling()
    use(monkeypatch, backend)
    assert build.build(TARGET) == build_result(2.5)
    assert backend.asked == {
        "artifact": Path("model.onnx"),
        "precision": "fp16",
        "gpu": GpuSettings(device=1),
        "cache_dir": Path("cache"),
        "bundle_dir": None,
    }
    assert Target.from_json(json.loads(json.dumps(TARGET.to_json()))) == TARGET


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
    with pytest.raises(type(error)) as raised:
        build.build(TARGET)
    assert failure(raised.value).status == status
    assert str(error) in failure(raised.value).reason


def test_a_building_process_does_without_numpy() -> None:
    modules = "harness.processes.build, harness.backends.tensorrt.builder, harness.backends.tensorrt.rtx_backend"
    code = f"import sys, {modules}; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_real_process_answers_for_a_backend_that_builds_nothing() -> None:
    ((_, result),) = built([Target("model.onnx", "", "onnxruntime", "fp32", 1, 1)], 60)
    assert result.status == "unsupported"
    assert "builds no engines" in result.reason


SERVER = """
import os, sys
from pathlib import Path
from harness.backends.backend import BuiltEngine
from harness.processes.build import BuildResult
from harness.processes.child import answer_lines
def answer(job):
    print("noise of a runtime")
    if job["artifact"] == "crash.onnx":
        os.abort()
    if job["artifact"] == "hang.onnx":
        import time
        print("tactic 7", file=sys.stderr, flush=True)
        time.sleep(600)
    engine = BuiltEngine(Path("engine"), "digest", 1.0, float(os.getpid()), job["precision"] == "fp32", "fp16")
    return BuildResult("ok", engine=engine).to_json()
answer_lines(answer)
"""


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    """A builder whose process reports its number as the seconds, and has every FP32 engine in its cache."""
    script = tmp_path / "python"
    server = tmp_path / "server.py"
    server.write_text(SERVER)
    script.write_text(f"#!/bin/sh\nexec {sys.executable} {server}\n")
    script.chmod(0o755)
    return Builder(script)


def target(artifact: str, precision: str = "fp16") -> Target:
    return Target(f"{artifact}.onnx", "", "tensorrt", precision, 1, 1)


def test_engines_in_the_cache_share_a_process_and_builds_do_not(builder: Builder) -> None:
    with builder:
        found = [builder.build(target("a", precision), 60).build_s for precision in ("fp32", "fp32", "fp16", "fp16")]
    assert found[0] == found[1] == found[2]
    assert found[3] != found[2]


def test_a_build_that_crashes_or_hangs_affects_only_its_own_result(builder: Builder) -> None:
    with builder:
        crashed = builder.build(target("crash"), 60)
        hung = builder.build(target("hang"), 2)
        after = builder.build(target("a"), 60)
    assert crashed.status == "failed"
    assert "The build's process crashed with SIGABRT" in crashed.reason
    assert hung.status == "timeout"
    assert "build did not end within 2 s" in hung.reason
    assert "tactic 7" in hung.reason
    assert after.status == "ok"


def test_several_builds_at_a_time_have_their_own_processes(builder: Builder) -> None:
    targets = [target(name) for name in ("a", "b", "crash", "c", "d")]
    found = dict(built(targets, 60, workers=2, python=builder.python))
    assert [found[one].status for one in targets] == ["ok", "ok", "failed", "ok", "ok"]
    assert len({found[one].build_s for one in targets}) == 5


def test_an_interruption_ends_the_builds_that_run(builder: Builder) -> None:
    begin_s = time.monotonic()
    results = built([target("a"), target("hang")], 500, workers=2, python=builder.python)
    assert next(results)[0] == target("a")
    results.close()
    assert time.monotonic() - begin_s < 60


def rtx_target(path: Path, cache_dir: Path, **facts: Any) -> Target:
    """A build by the real TensorRT for RTX."""
    pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed")
    known: dict[str, Any] = {"precision": "fp32", "batch": 1, "threads": 1, **facts}
    return Target(str(path), "", "tensorrt-rtx", cache_dir=str(cache_dir), **known)


def test_a_real_build_that_is_killed_at_its_time_limit_leaves_nothing_behind(write_model: Any, tmp_path: Path) -> None:
    """Its lock too: the next build of the same engine starts at once."""
    target = rtx_target(write_model(extra=("HardSwish",) * 40), tmp_path)
    ((_, killed),) = built([target], 0.2)
    assert killed.status == "timeout"
    assert "(--build-timeout)" in killed.reason
    ((_, again),) = built([target], 120)
    assert (again.status, again.cached) == ("ok", False)
    assert [path.name for path in (tmp_path / "engines").iterdir() if path.name.startswith(".")] == []


def test_two_real_builds_of_one_engine_at_a_time_make_it_once(write_model: Any, tmp_path: Path) -> None:
    path = write_model(extra=("HardSwish",) * 40)
    targets = [rtx_target(path, tmp_path, threads=number) for number in (1, 2)]
    found = [result for _, result in built(targets, 120, workers=2)]
    assert sorted(result.cached for result in found) == [False, True]
    assert len({result.engine.sha256 for result in found if result.engine}) == 1


def test_operators_that_the_real_parser_lacks_are_unsupported(write_model: Any, tmp_path: Path) -> None:
    ((_, result),) = built([rtx_target(write_model(extra=("Det",)), tmp_path)], 120)
    assert (result.status, result.engine) == ("unsupported", None)
    assert "cannot run these operators: Det (1 node, first 'extra_0')" in result.reason


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
    targets: list[Target] = []

    def fake_build(self: Builder, target: Target, timeout_s: float) -> BuildResult:
        targets.append(target)
        return results.get(Path(target.artifact).stem, build_result(1.0))

    monkeypatch.setattr(Builder, "build", fake_build)
    told: list[str] = []
    here = environment.collect(1)
    device = Device(Compiling(), GpuSettings(), here, DeviceLock.of(here, wait=True, say=print))
    directory: Any = None
    ready = prepare.PreparedRun(directory, members, Path("reference.onnx"), {"compiling": device}, Path("cache"), None)
    return prepare.with_engines(ready, 60.0, told.append).series, targets, told


def test_a_run_builds_the_reference_in_fp32_and_every_series(monkeypatch: pytest.MonkeyPatch) -> None:
    members = [series("a"), series("b", status="failed")]
    found, targets, told = build_all({}, members, monkeypatch)
    assert [(one.artifact, one.precision) for one in targets] == [
        ("reference.onnx", "fp32"),
        ("a.onnx", "fp16"),
    ]
    assert found == members
    assert told[0].startswith("engines: 2 built")


def test_a_failed_build_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = BuildResult("unsupported", "TensorRT has no Foo")
    found, _, _ = build_all({"a": broken}, [series("a"), series("b")], monkeypatch)
    assert [(one.status, one.reason) for one in found] == [("unsupported", "TensorRT has no Foo"), ("ok", "")]


def test_an_artifact_that_several_models_have_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    members = [series("a"), series("b"), dataclasses.replace(series("a"), model="gpunet/twin")]
    found, targets, told = build_all({"a": BuildResult("timeout", "1800 s")}, members, monkeypatch)
    assert [one.artifact for one in targets] == ["reference.onnx", "a.onnx", "b.onnx"]
    assert [(one.status, one.reason) for one in found] == [("timeout", "1800 s"), ("ok", ""), ("timeout", "1800 s")]
    assert told[0].startswith("engines: 2 built, 1 failed")


def test_without_a_reference_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HarnessError, match="reference network's engine: failed: no kernel"):
        build_all({"reference": BuildResult("failed", "no kernel")}, [series("a")], monkeypatch)
