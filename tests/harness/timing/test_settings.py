"""Timing settings as recorded in files: run directories and gates of earlier versions must stay readable."""

from __future__ import annotations

import dataclasses
import json

from harness.comparison.pair import Conditions
from harness.machine.gpu.settings import GpuSettings
from harness.runs.request import RunRequest
from harness.timing.settings import TimingSettings

RECORDED = """{
 "warmup_s": 0.2,
 "warmup_min_runs": 2,
 "block_ms": 20.0,
 "settle_ms": 10.0,
 "block_pairs": 5,
 "max_repeats": 2,
 "foreign_cpu_limit": 0.3
}"""

# As earlier versions wrote it into a gate's conditions.json.
RECORDED_CONDITIONS = """{
 "backend": "onnxruntime",
 "threads": 2,
 "timing": {
  "warmup_s": 0.2,
  "warmup_min_runs": 2,
  "block_ms": 40.0,
  "settle_ms": 10.0,
  "block_pairs": 3,
  "max_repeats": 2,
  "foreign_cpu_limit": 0.3
 },
 "gpu": {
  "device": 0,
  "cuda_graph": false,
  "queue_depth": 2,
  "wait": "block",
  "workspace_mib": null
 },
 "timeout_s": 300.0,
 "cache_dir": "cache"
}"""


def test_groups_keep_their_first_name_in_files() -> None:
    settings = TimingSettings(block_ms=20.0, groups=5)
    assert json.dumps(settings.to_json(), indent=1) == RECORDED
    assert TimingSettings.from_json(json.loads(RECORDED)) == settings


def test_a_run_records_its_timing_as_it_always_did() -> None:
    request = RunRequest(timing=TimingSettings(block_ms=20.0, groups=5))
    recorded = request.settings()
    assert json.dumps(recorded["timing"], indent=1) == RECORDED
    besides = ("wanted", "varied", "wait", "shard")
    measured_by = [field.name for field in dataclasses.fields(RunRequest) if field.name not in besides]
    assert list(recorded)[-len(measured_by) :] == measured_by


def test_a_gate_records_its_conditions_as_it_always_did() -> None:
    conditions = Conditions("onnxruntime", 2, TimingSettings(), GpuSettings(), 300.0, "cache")
    assert json.dumps(conditions.to_json(), indent=1) == RECORDED_CONDITIONS
