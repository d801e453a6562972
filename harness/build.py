"""Builds an artifact's engine in a process of its own: `python -m harness.build JOB RESULT`.

A runtime that compiles for the device may crash, hang or run out of memory while it does. That costs the
series its row's status, and the run goes on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import backends
from harness.gpu.settings import GpuSettings
from harness.launcher import end_of, run_process
from harness.storage import TRIAL_FOLDER_PREFIX
from harness.trial import Status
from harness.worker import end_with_parent, failure, write_json_atomically


@dataclasses.dataclass(frozen=True)
class BuildJob:
    """What to build."""

    artifact: str
    """Path of the ONNX file."""
    backend: str
    precision: str
    cache_dir: str
    gpu: GpuSettings

    def to_json(self) -> dict[str, Any]:
        """The job as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> BuildJob:
        """The job read back."""
        return cls(**{**data, "gpu": GpuSettings.from_json(data["gpu"])})


@dataclasses.dataclass(frozen=True)
class BuildResult:
    """How it ended; `build_s` and `cached` are None where `status` is not `ok`."""

    status: Status
    reason: str = ""
    build_s: float | None = None
    cached: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> BuildResult:
        """The result read back."""
        return cls(**data)


def build_engine(
    job: BuildJob,
    *,
    timeout_s: float,
    work_dir: str | Path,
    python: str | Path = sys.executable,
    environment: Mapping[str, str] | None = None,
) -> BuildResult:
    """Build the engine in a fresh process; whatever that process does, the answer is a result.

    `python` and its `environment` are this process's own unless another runtime is to build it.
    """
    with tempfile.TemporaryDirectory(prefix=TRIAL_FOLDER_PREFIX, dir=work_dir) as directory:
        job_path, result_path = Path(directory, "job.json"), Path(directory, "result.json")
        job_path.write_text(json.dumps(job.to_json()))
        command = [str(python), "-X", "faulthandler", "-m", "harness.build", str(job_path), str(result_path)]
        ended = run_process(command, timeout_s=timeout_s, environment=environment)
        with contextlib.suppress(FileNotFoundError):
            return BuildResult.from_json(json.loads(result_path.read_text()))
    status, reason = end_of(ended, timeout_s, "build")
    return BuildResult(status, reason)


def build(job: BuildJob) -> BuildResult:
    """Build in this process; an exception becomes a status and a reason."""
    try:
        built = backends.get(job.backend).build(
            Path(job.artifact), precision=job.precision, gpu=job.gpu, cache_dir=Path(job.cache_dir)
        )
    except Exception as error:
        failed = failure(error)
        return BuildResult(failed.status, failed.reason)
    return BuildResult("ok", build_s=built.build_s, cached=built.cached)


def main(arguments: list[str]) -> int:
    """Build the job in the first file, write the result to the second."""
    job_path, result_path = map(Path, arguments)
    result = build(BuildJob.from_json(json.loads(job_path.read_text())))
    write_json_atomically(result.to_json(), result_path)
    return 0


if __name__ == "__main__":
    end_with_parent()
    sys.exit(main(sys.argv[1:]))
