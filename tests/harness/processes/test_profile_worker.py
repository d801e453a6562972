"""The work of the profiling process, on the real runtime and on a fake one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import backends
from harness.backends.backend import Availability, Backend
from harness.backends.layers import LayerTime
from harness.backends.session import Session, TensorSpec
from harness.machine.gpu.settings import GpuSettings
from harness.machine.meter import Disturbance
from harness.processes import profile_worker
from harness.processes.profile import ProfileJob, ProfileResult
from harness.processes.target import Target

WriteNetwork = Callable[..., Path]


def work(job: ProfileJob, tmp_path: Path) -> ProfileResult:
    job_path, result_path = tmp_path / "job.json", tmp_path / "result.json"
    job_path.write_text(json.dumps(job.to_json()))
    assert profile_worker.main([str(job_path), str(result_path)]) == 0
    return ProfileResult.from_json(json.loads(result_path.read_text()))


def job_for(artifact: Path, **what: Any) -> ProfileJob:
    common = {"sha256": "", "backend": "onnxruntime", "precision": "fp32", "batch": 1, "threads": 1}
    return ProfileJob(Target(artifact=str(artifact), **{**common, **what}), inferences=4)


def test_a_profile_on_the_real_runtime(write_network: WriteNetwork, tmp_path: Path) -> None:
    result = work(job_for(write_network()), tmp_path)
    assert (result.status, result.reason) == ("ok", "")
    assert "Conv" in {layer.kind for layer in result.layers}
    assert result.latency_median_ms is not None
    assert result.latency_median_ms > 0
    assert result.latency_kind == "host"
    assert result.precision_effective == "fp32"
    assert result.runtime.startswith("onnxruntime ")
    assert result.foreign_cores is not None


@pytest.mark.parametrize(
    ("what", "status", "reason"),
    [
        ({"batch": 8}, "failed", "batch 8 was requested"),
        ({"precision": "fp8"}, "unsupported", "does not support precision fp8"),
        ({"backend": "nothing"}, "failed", "no backend 'nothing'"),
    ],
)
def test_a_failure_is_a_reason(
    what: dict[str, Any], status: str, reason: str, write_network: WriteNetwork, tmp_path: Path
) -> None:
    result = work(job_for(write_network(), **what), tmp_path)
    assert result.status == status
    assert reason in result.reason
    assert result.layers == ()


class FakeSession(Session):
    """A session on a GPU whose profiler reports scripted layers."""

    latency_kind = "gpu_compute"
    provider = "a GPU"

    def __init__(self, backend: FakeBackend) -> None:
        super().__init__("fp16")
        self._backend = backend

    def bind_impl(self, arrays: Any) -> None:
        del arrays

    def infer(self) -> None:
        self._backend.calls.append("infer")

    def outputs(self) -> dict[str, Any]:
        return {"logits": np.zeros(3, dtype=np.float32)}

    def check_placement_impl(self) -> None:
        pass

    def precision_effective(self) -> str:
        return "fp16+fp32"

    def close(self) -> None:
        self._backend.calls.append("close")

    def time_block(self, latencies_ns: Any, clock_ns: Any = None) -> None:
        self._backend.calls.append(f"time {len(latencies_ns)}")
        latencies_ns[:] = self._backend.latencies_ns.pop(0)

    def layer_times(self, inferences: int) -> list[LayerTime]:
        self._backend.calls.append(f"profile {inferences}")
        if self._backend.layers is None:
            return super().layer_times(inferences)
        return self._backend.layers


class FakeBackend(Backend):
    """A runtime, with a scripted meter of its device."""

    name = "fake"
    precisions = ("fp16",)

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.layers: list[LayerTime] | None = [LayerTime(0, "conv", "CaskConvolution", "fp16", 1.5)]
        self.latencies_ns = [1_000_000, 3_000_000] * 3
        self.disturbances = [Disturbance(0.0, False)]

    def availability(self) -> Any:
        return Availability(True, "It is a fake.")

    def runtime(self) -> str:
        return "fake 1.0"

    def prepare_impl(self, artifact: Path, **what: Any) -> tuple[Session, list[TensorSpec]]:
        self.calls.append(f"prepare on {what['gpu'].device} from {what['cache_dir']}")
        return FakeSession(self), [TensorSpec("input", (1, 3, 8, 8), "float32")]

    def read(self) -> None:
        return None

    def judge(self, before: None, after: None, limit_cores: float) -> Disturbance:
        return self.disturbances.pop(0)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    backend = FakeBackend()
    monkeypatch.setattr(backends, "get", lambda _name: backend)
    monkeypatch.setattr(profile_worker, "open_meter", lambda _gpu: backend)
    return backend


@pytest.fixture
def fake_job(tmp_path: Path) -> ProfileJob:
    artifact = tmp_path / "model.onnx"
    artifact.write_bytes(b"never read")
    return job_for(artifact, backend="fake", precision="fp16", cache_dir="cache", gpu=GpuSettings(device=1))


def test_half_of_the_plain_inferences_come_before_the_profile(
    fake: FakeBackend, fake_job: ProfileJob, tmp_path: Path
) -> None:
    result = work(fake_job, tmp_path)
    assert (result.status, result.reason) == ("ok", "")
    calls = [call for call in fake.calls if call != "infer"]
    assert calls == ["prepare on 1 from cache", "time 2", "profile 4", "time 2", "close"]
    assert result.layers == (LayerTime(0, "conv", "CaskConvolution", "fp16", 1.5),)
    assert result.latency_median_ms == 2.0
    assert (result.latency_kind, result.precision_effective) == ("gpu_compute", "fp16+fp32")
    assert (result.runtime, result.provider) == ("fake 1.0", "a GPU")


def test_a_disturbed_profile_is_repeated(fake: FakeBackend, fake_job: ProfileJob, tmp_path: Path) -> None:
    fake.disturbances = [Disturbance(0.9, True, ("others",)), Disturbance(0.1, False)]
    result = work(fake_job, tmp_path)
    assert fake.calls.count("profile 4") == 2
    assert (result.foreign_cores, result.disturbances) == (0.1, ())


def test_the_least_disturbed_profile_is_kept_and_reported(
    fake: FakeBackend, fake_job: ProfileJob, tmp_path: Path
) -> None:
    fake.disturbances = [Disturbance(cores, True, ("others",)) for cores in (0.9, 0.4, 0.7)]
    fake.latencies_ns = [9_000_000, 9_000_000, 4_000_000, 4_000_000, 7_000_000, 7_000_000]
    result = work(fake_job, tmp_path)
    assert (result.foreign_cores, result.disturbances) == (0.4, ("others",))
    assert result.latency_median_ms == 4.0


def test_a_runtime_without_a_profiler_is_unsupported(fake: FakeBackend, fake_job: ProfileJob, tmp_path: Path) -> None:
    fake.layers = None
    result = work(fake_job, tmp_path)
    assert result.status == "unsupported"
    assert "a GPU cannot profile single layers" in result.reason
    assert fake.calls[-1] == "close"


@pytest.mark.parametrize("layers", [[], [LayerTime(0, "conv", "CaskConvolution", "fp16", 0.0)]])
def test_a_profiler_that_reports_no_times_is_unsupported(
    layers: list[LayerTime], fake: FakeBackend, fake_job: ProfileJob, tmp_path: Path
) -> None:
    fake.layers = layers
    result = work(fake_job, tmp_path)
    assert result.status == "unsupported"
    assert "reported no layer times" in result.reason
