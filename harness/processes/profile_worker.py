"""The profiling process: `python -m harness.processes.profile_worker JOB RESULT`.

It reads a `ProfileJob` and writes a `ProfileResult`, as `harness.processes.trial_worker` does for a trial.
"""

from __future__ import annotations

import dataclasses
import sys
import time

import numpy as np

from foundation.child import die_first, end_with_parent
from foundation.units import NANOSECONDS_PER_MILLISECOND
from harness import backends
from harness.backends.layers import LayerTime
from harness.backends.session import Session
from harness.errors import UnsupportedError
from harness.machine.measured import open_meter
from harness.machine.meter import Disturbance, Meter
from harness.processes.child import answer_file
from harness.processes.inputs import Feed, seeded_values
from harness.processes.profile import ProfileJob, ProfileResult
from harness.processes.tensors import check_finite
from harness.timing import loop
from harness.timing.settings import TimingSettings


def profile_job(job: ProfileJob) -> ProfileResult:
    """Loads the artifact, profiles inferences, and times the same number without the profiler.

    Half of the timed inferences run before the profile and half after it, so that a drift of the machine's speed
    cancels.
    """
    backend = backends.get(job.target.backend)
    settings = TimingSettings()
    with job.target.open() as session:
        feed = Feed.of(job.target.inputs)
        session.start(seeded_values(session.inputs, job.seed, feed))
        check_finite(session.outputs(), feed.described())
        meter = open_meter(job.target.gpu if backend.on_gpu else None)
        with loop.garbage_collector_off():
            loop.warm_up(session, settings, time.perf_counter_ns)
            measured = _least_disturbed(session, job.inferences, meter, settings)
        if not sum(layer.time_ms for layer in measured.layers):
            raise UnsupportedError(
                f"The profiler of {backend.runtime()} reported no layer times. Use another version of the runtime."
            )
        return ProfileResult(
            status="ok",
            layers=measured.layers,
            latency_median_ms=measured.latency_median_ms,
            latency_kind=session.latency_kind,
            precision_effective=session.precision_effective(),
            runtime=backend.runtime(),
            provider=session.provider,
            foreign_cores=measured.disturbance.foreign_cores,
            disturbances=measured.disturbance.reasons,
        )


@dataclasses.dataclass(frozen=True)
class _Measured:
    layers: tuple[LayerTime, ...]
    latency_median_ms: float
    disturbance: Disturbance


def _least_disturbed(session: Session, inferences: int, meter: Meter, settings: TimingSettings) -> _Measured:
    """Returns the first undisturbed profile, or the least disturbed one of as many attempts as a trial may make.

    A layer whose threads wait for a processor that other processes use can look ten times as long as it is, in most
    inferences.
    """
    tried: list[_Measured] = []
    for _ in range(1 + settings.max_repeats):
        tried.append(_measure(session, inferences, meter, settings.foreign_cpu_limit))
        if not tried[-1].disturbance.contaminated:
            return tried[-1]
    return min(tried, key=lambda one: one.disturbance.foreign_cores)


def _measure(session: Session, inferences: int, meter: Meter, foreign_cpu_limit: float) -> _Measured:
    latencies_ns = np.zeros(inferences, dtype=np.int64)
    half = inferences // 2
    before = meter.read()
    session.time_block(latencies_ns[:half])
    layers = tuple(session.layer_times(inferences))
    session.time_block(latencies_ns[half:])
    disturbance = meter.judge(before, meter.read(), foreign_cpu_limit)
    return _Measured(layers, float(np.median(latencies_ns)) / NANOSECONDS_PER_MILLISECOND, disturbance)


def main(arguments: list[str]) -> int:
    """Profiles the job in the first file and writes the result to the second; returns the process's exit code."""
    return answer_file(arguments, lambda job: profile_job(ProfileJob.from_json(job)).to_json())


if __name__ == "__main__":
    end_with_parent()
    die_first()
    sys.exit(main(sys.argv[1:]))
