"""The profiling process: `python -m harness.profile_worker JOB RESULT`.

It reads a `ProfileJob` and writes a `ProfileResult`, as `harness.worker` does for trials.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from harness import backends, timing
from harness.backends.base import UnsupportedError
from harness.profile_job import ProfileJob, ProfileResult
from harness.trial import TimingSettings
from harness.worker import (
    check_finite,
    die_first,
    end_with_parent,
    failure,
    seeded_images,
    write_json_atomically,
)


def profile_job(job: ProfileJob) -> ProfileResult:
    """Loads the artifact, times inferences without the profiler, then profiles as many.

    Where the backend needs an engine that is not in the cache, it is built first.
    """
    backend = backends.get(job.backend)
    settings = TimingSettings()
    if backend.builds_engines:
        backend.build(Path(job.artifact), precision=job.precision, gpu=job.gpu, cache_dir=Path(job.cache_dir))
    meter = backend.meter(job.gpu)
    with backend.prepare(
        job.artifact,
        precision=job.precision,
        batch=job.batch,
        threads=job.threads,
        gpu=job.gpu,
        cache_dir=job.cache_dir,
    ) as session:
        session.start(seeded_images(session, job.seed))
        check_finite(session.outputs())
        latencies_ns = np.zeros(job.inferences, dtype=np.int64)
        with timing.garbage_collector_off():
            timing.warm_up(session, settings, time.perf_counter_ns)
            before = meter.read()
            session.time_block(latencies_ns)
            layers = tuple(session.layer_times(job.inferences))
            found = meter.judge(before, meter.read(), settings.foreign_cpu_limit)
        if not sum(layer.time_ms for layer in layers):
            raise UnsupportedError(
                f"The profiler of {backend.runtime()} told no time of any layer. Use another version of it."
            )
        return ProfileResult(
            status="ok",
            layers=layers,
            latency_median_ms=float(np.median(latencies_ns)) / timing.NANOSECONDS_PER_MILLISECOND,
            latency_kind=session.latency_kind,
            precision_effective=session.precision_effective(),
            runtime=backend.runtime(),
            provider=session.provider,
            foreign_cores=found.foreign_cores,
            disturbances=found.reasons,
        )


def main(arguments: list[str]) -> int:
    """Profiles the job in the first file, writes the result to the second."""
    job_path, result_path = map(Path, arguments)
    try:
        result = profile_job(ProfileJob.from_json(json.loads(job_path.read_text())))
    except Exception as error:
        failed = failure(error)
        result = ProfileResult(failed.status, failed.reason)
    write_json_atomically(result.to_json(), result_path)
    return 0


if __name__ == "__main__":
    end_with_parent()
    die_first()
    sys.exit(main(sys.argv[1:]))
