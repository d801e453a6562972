"""The measuring process: `python -m harness.processes.trial_worker JOB RESULT`.

It reads a `TrialJob`, measures, and writes a `TrialResult`. Whatever happens becomes a status and a
reason in that file. Its start-up is part of every trial, so it imports little.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import sys
import time
from pathlib import Path
from typing import TypedDict

from foundation.child import die_first, end_with_parent, memory_peak_mib
from foundation.digests import file_sha256
from harness import backends
from harness.backends.session import Session
from harness.errors import StorageError, UnsupportedError
from harness.files.storage import explained, replace_json
from harness.machine.gpu.settings import GpuSettings
from harness.processes.child import check_artifact, check_finite, failure, seeded_images, sha256_arrays
from harness.processes.trial import EXIT_NOT_STORED, TrialJob, TrialResult
from harness.timing import loop, samples
from harness.timing.samples import summarise
from harness.timing.slowdown import Slowed


class Device(TypedDict):
    """What both networks of a trial share."""

    threads: int
    gpu: GpuSettings
    cache_dir: str


def measure_job(job: TrialJob) -> TrialResult:
    """Load the artifact and the reference network, measure both, and summarise."""
    if job.artifact_sha256:
        check_artifact(Path(job.artifact), job.artifact_sha256)
    backend = backends.get(job.backend)
    begin_s = time.perf_counter()
    device: Device = {"threads": job.threads, "gpu": job.gpu, "cache_dir": job.cache_dir}
    session = backend.prepare(job.artifact, precision=job.precision, batch=job.batch, **device)
    load_s = time.perf_counter() - begin_s
    with (
        session,
        backend.prepare(
            job.reference, precision=job.reference_precision, batch=job.reference_batch, **device
        ) as reference,
    ):
        images = seeded_images(session, job.seed)
        first_inference_ms = session.start(images)
        outputs = session.outputs()
        check_finite(outputs)
        reference.start(seeded_images(reference, job.seed))
        precision_effective = session.precision_effective()
        meter = backend.meter(job.gpu)
        blocks = loop.measure(
            slowed(session, job.slowdown_percent),
            slowed(reference, job.reference_slowdown_percent),
            job.timing,
            meter=meter,
        )
        figures = session.gpu_figures()
        if figures:
            from harness.timing.energy import session_energy_mj

            figures = dataclasses.replace(figures, energy_mj=session_energy_mj(meter, session))
    if job.samples:
        with explained(Path(job.samples)):
            samples.save_samples(blocks, Path(job.samples))
    return TrialResult(
        status="ok",
        load_s=load_s,
        first_inference_ms=first_inference_ms,
        memory_peak_mib=memory_peak_mib(),
        input_digest=sha256_arrays([images]),
        output_digest=sha256_arrays(outputs.values()),
        reference_sha256=file_sha256(Path(job.reference)),
        runtime=backend.runtime(),
        latency_kind=session.latency_kind,
        provider=session.provider,
        precision_effective=precision_effective,
        gpu=figures.with_readings(meter.summary()) if figures else None,
        **summarise(blocks, job.batch),
    )


def slowed(session: Session, percent: float) -> loop.Timeable:
    """The session, slower by the percentage where there is one.

    Raises:
        UnsupportedError: its latency is not the host's.
    """
    if not percent:
        return session
    if session.latency_kind != "host":
        raise UnsupportedError(f"Only host latency can be slowed down, not {session.latency_kind}.")
    return Slowed(session, percent)


def main(arguments: list[str]) -> int:
    """Measure the job in the first file, write the result to the second; return the process's exit code."""
    begin_s = time.perf_counter()
    started_at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    job_path, result_path = map(Path, arguments)
    try:
        try:
            result = measure_job(TrialJob.from_json(json.loads(job_path.read_text())))
        except StorageError:
            raise
        except Exception as error:
            result = failure(error)
        data = {**result.to_json(), "started_at": started_at, "worker_s": time.perf_counter() - begin_s}
        replace_json(result_path, data)
    except StorageError as error:
        print(error, file=sys.stderr)
        return EXIT_NOT_STORED
    return 0


if __name__ == "__main__":
    end_with_parent()
    die_first()
    sys.exit(main(sys.argv[1:]))
