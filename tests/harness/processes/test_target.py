from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from harness.errors import ArtifactError
from harness.machine.gpu.settings import GpuSettings
from harness.processes.target import Target
from harness.processes.trial import TrialJob


def test_a_target_survives_json() -> None:
    target = Target("a.onnx", "ab", "tensorrt", "fp16", 8, 2, GpuSettings(device=1), "cache")
    assert Target.from_json(json.loads(json.dumps(target.to_json()))) == target


def test_opening_loads_the_planned_artifact_and_reports_the_time(quick_job: TrialJob) -> None:
    target = quick_job.first
    digest = hashlib.sha256(Path(target.artifact).read_bytes()).hexdigest()
    with dataclasses.replace(target, sha256=digest).open() as session:
        assert session.input.shape[0] == target.batch
        assert session.load_s > 0


@pytest.mark.parametrize("which", ["first", "second"])
def test_another_artifact_is_not_opened(quick_job: TrialJob, which: str) -> None:
    target: Target = getattr(quick_job, which)
    with pytest.raises(ArtifactError, match="not 0000000000000000 as planned"):
        dataclasses.replace(target, sha256="0" * 64).open()
