"""A run directory with the series of a request in it, converted and built."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness import backends
from harness.artifacts import reference
from harness.artifacts.bundle import read_bundle
from harness.artifacts.conversions import Say, bundled_series, convert_all
from harness.artifacts.reference import reference_file
from harness.backends.device import Device
from harness.errors import HarnessError
from harness.machine.gpu.settings import GpuSettings
from harness.processes.build import Builder, BuildJob, BuildResult
from harness.records.directory import RunDirectory
from harness.records.rows import Row
from harness.records.series import Series
from harness.runs.plan import measurable
from harness.runs.request import RunRequest
from harness.text.progress import Progress, minutes_text


def build_engines(
    request: RunRequest, series: list[Series], reference_path: Path, cache_dir: Path, say: Say
) -> list[Series]:
    """The series with their engines built, where the backend builds any; failures are rows too.

    Raises:
        HarnessError: the reference network cannot be built, so that nothing could be measured.
    """
    if not backends.get(request.wanted.backend).builds_engines:
        return series
    wanted = measurable(series)
    job = BuildJob(str(reference_path), request.wanted.backend, "fp32", str(cache_dir), request.gpu)
    counts = dict.fromkeys(("built", "from the cache", "failed"), 0)
    started = time.monotonic()
    failed: dict[str, Series] = {}
    with Progress("build", 1 + len(wanted)) as progress, Builder() as builder:
        built = builder.build(job, request.build_timeout_s)
        if built.status != "ok":
            raise HarnessError(f"the reference network's engine: {built.status}: {built.reason}")
        progress.step("the reference network")
        for one in wanted:
            job = dataclasses.replace(job, artifact=one.artifact_path, precision=one.precision)
            built = builder.build(job, request.build_timeout_s)
            progress.step(_build_line(one.model, built), problem=built.status != "ok")
            counts["failed" if built.status != "ok" else "from the cache" if built.cached else "built"] += 1
            if built.status != "ok":
                failed[one.key] = dataclasses.replace(one, status=built.status, reason=built.reason)
    told = ", ".join(f"{count} {how}" for how, count in counts.items() if count)
    say(f"engines: {told or 'none'}, in {minutes_text(time.monotonic() - started)}")
    return [failed.get(one.key, one) for one in series]


def _build_line(model: str, built: BuildResult) -> str:
    if built.status != "ok" or built.build_s is None:
        return f"{model}: {built.status}: {built.reason}"
    return f"{model}: in the cache" if built.cached else f"{model}: {built.build_s:.1f} s"


@dataclasses.dataclass(frozen=True)
class PreparedRun:
    """A run directory with the series of a request in it, converted and built."""

    directory: RunDirectory
    series: list[Series]
    """Of the request; the directory may hold others, of earlier sessions."""
    reference_path: Path
    threads: int
    """Threads of an inference."""
    gpu: GpuSettings
    cache_dir: Path
    """Where artifacts and engines lie."""
    begun_s: float
    """`time.monotonic()` when the preparation began, with which the budget begins."""

    def rows(self) -> list[Row]:
        """The rows of the series, as they are now."""
        wanted = {one.key for one in self.series}
        directory = self.directory
        return [row for one, row in zip(directory.series(), directory.rows(), strict=True) if one.key in wanted]


@contextlib.contextmanager
def prepared(
    request: RunRequest,
    output: Path,
    cache_dir: Path,
    resume: bool,
    say: Say,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[PreparedRun]:
    """Opens or continues the run directory of a request, and makes the artifacts and engines that are missing.

    Args:
        request: which series.
        output: the run directory, new or of an earlier run to go on with.
        cache_dir: where artifacts are kept.
        resume: whether there must be an earlier run in `output`.
        say: tells the user a line.
        settings: how the run directory is measured; by default as the request says.

    Raises:
        HarnessError: a bad request, an unusable backend, or a directory of another run.
    """
    begun_s = time.monotonic()
    request.check()
    wanted = request.wanted
    device = Device.open(wanted.backend, request.gpu, request.threads, exclusive=request.exclusive, say=say)
    # Refused before there is a run directory.
    bundle = read_bundle(wanted.artifacts) if wanted.artifacts else None
    series = bundled_series(wanted, bundle, device.backend) if bundle else None
    reference_path = bundle.reference_path if bundle else reference_file(cache_dir)
    with RunDirectory.open(
        output,
        environment=device.environment,
        settings=request.settings() if settings is None else settings,
        reference_sha256=reference.REFERENCE_SHA256,
        resume=resume,
    ) as directory:
        if series is None:
            series = convert_all(wanted, cache_dir, say)
        series = build_engines(request, series, reference_path, cache_dir, say)
        directory.set_series(series)
        yield PreparedRun(directory, series, reference_path, device.threads, request.gpu, cache_dir, begun_s)
