"""One trial of the harness, as the benchmarks run it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import converters
from harness.machine.environment import collect
from harness.processes.launcher import run_trial
from harness.processes.target import Target
from harness.processes.trial import TrialJob, TrialResult
from harness.timing.settings import TimingSettings

_TIMEOUT_S = 300.0


def target(artifact: Path, sha256: str = "", backend: str = "onnxruntime") -> Target:
    """An artifact on the processor, as the harness measures it by default."""
    return Target(str(artifact), sha256, backend, "fp32", batch=1, threads=collect(None).threads)


def measure(
    artifact: converters.Artifact,
    reference: Path,
    timing: TimingSettings | None = None,
    backend: str = "onnxruntime",
) -> TrialResult:
    """Runs a trial of the artifact beside the reference network, in a fresh process.

    Raises:
        SystemExit: the trial failed; the benchmark needs it.
    """
    with tempfile.TemporaryDirectory() as folder:
        job = TrialJob(
            first=target(artifact.path, artifact.sha256, backend),
            second=target(reference, backend=backend),
            timing=timing or TimingSettings(),
            seed=0,
        )
        result = run_trial(job, timeout_s=_TIMEOUT_S, work_dir=folder)
    if result.status != "ok":
        raise SystemExit(f"{artifact.path}: {result.status}: {result.reason}")
    return result
