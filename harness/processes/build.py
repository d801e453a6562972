"""Builds artifacts' engines in processes of their own: `python -m harness.processes.build` answers jobs.

A runtime that compiles for the device may crash, hang or run out of memory while it does. That costs the
series its row's status, and the run goes on.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from foundation.child import end_with_parent
from foundation.vocabulary import Status
from harness import backends
from harness.errors import PartnerError
from harness.machine.gpu.settings import GpuSettings
from harness.processes.child import failure
from harness.processes.partner import Partner, answer_lines


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


class Builder:
    """Builds engines one after another, each build in a process of its own; those in the cache share one.

    Use it as a context manager.
    """

    def __init__(self, python: str | Path = sys.executable, environment: Mapping[str, str] | None = None) -> None:
        """`python` and its `environment` are this process's own unless another runtime is to build."""
        self.python = python
        self._environment = environment
        self._partner: Partner | None = None

    def build(self, job: BuildJob, timeout_s: float) -> BuildResult:
        """Builds an engine; whatever the process does, the answer is a result."""
        if self._partner is None:
            command = [str(self.python), "-X", "faulthandler", "-m", "harness.processes.build"]
            self._partner = Partner(command, "build", self._environment)
        try:
            result = BuildResult.from_json(self._partner.ask(job.to_json(), timeout_s))
        except PartnerError as error:
            result = BuildResult(error.status, str(error))
        if not result.cached:
            self.end()
        return result

    def end(self) -> None:
        """Ends the process, if there is one."""
        if self._partner is not None:
            self._partner.end()
            self._partner = None

    def __enter__(self) -> Builder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def build_engine(job: BuildJob, *, timeout_s: float) -> BuildResult:
    """Builds one engine."""
    with Builder() as builder:
        return builder.build(job, timeout_s)


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


def main() -> int:
    """Answers until there is no more to build."""
    end_with_parent()
    answer_lines(lambda line: build(BuildJob.from_json(line)).to_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
