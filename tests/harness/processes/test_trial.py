from __future__ import annotations

import dataclasses
import json

import pytest

from harness.machine.gpu.settings import GpuSettings
from harness.processes.target import Target
from harness.processes.trial import TrialJob, TrialResult
from harness.timing.settings import TimingSettings

FIRST = Target("a.onnx", "ab", "tensorrt", "fp16", 8, 2, GpuSettings(device=1), "cache")
SECOND = Target("r.onnx", "", "tensorrt", "fp32", 1, 2, GpuSettings(device=1), "cache")


def test_a_job_survives_json() -> None:
    job = TrialJob(FIRST, SECOND, TimingSettings(block_ms=40.0), 3, "s.npz", slowdowns_percent=(0.0, 3.0))
    assert TrialJob.from_json(json.loads(json.dumps(job.to_json()))) == job


def test_a_result_survives_json() -> None:
    result = TrialResult("ok", latency_kind="host", latency_median_ms=1.5, samples_count=12)
    assert TrialResult.from_json(json.loads(json.dumps(result.to_json()))) == result


def test_a_result_that_is_not_ok_has_no_numbers() -> None:
    data = TrialResult("failed", "It broke.").to_json()
    assert data.pop("status") == "failed"
    assert data.pop("reason") == "It broke."
    assert set(data.values()) == {None}


@pytest.mark.parametrize(
    ("backends_of", "asked_s", "expected_s"),
    [
        (("onnxruntime", "onnxruntime"), 0.2, 0.1),
        (("onnxruntime", "onnxruntime"), 0.05, 0.05),
        (("onnxruntime", "openvino"), 0.2, 0.2),
        (("openvino", "onnxruntime"), 0.2, 0.2),
        (("onnxruntime-cuda", "onnxruntime-cuda"), 0.2, 0.2),
    ],
)
def test_a_trial_warms_up_as_long_as_its_backends_need(
    backends_of: tuple[str, str], asked_s: float, expected_s: float
) -> None:
    first, second = (
        dataclasses.replace(target, backend=backend)
        for target, backend in zip((FIRST, SECOND), backends_of, strict=True)
    )
    job = TrialJob(first, second, TimingSettings(warmup_s=asked_s), 3)
    assert job.warmed_enough() == dataclasses.replace(job, timing=TimingSettings(warmup_s=expected_s))
