"""The measuring process: `python -m harness.processes.trial_worker JOB RESULT`.

It reads a `TrialJob`, measures, and writes a `TrialResult`. Every failure becomes a status and a
reason in that file. Its start-up is part of every trial, so it imports little.
"""

from __future__ import annotations

import dataclasses
import datetime
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foundation.child import die_first, end_with_parent, memory_peak_mib
from foundation.digests import file_sha256
from harness import backends
from harness.errors import UnsupportedError
from harness.files.storage import explained
from harness.machine.measured import open_meter
from harness.processes.child import answer_file
from harness.processes.inputs import Feed, seeded_values
from harness.processes.tensors import check_finite, sha256_arrays
from harness.processes.trial import TrialJob, TrialResult
from harness.timing import loop
from harness.timing.samples import MEASURED, Block, pooled_latencies_ms, save_samples, summarise

if TYPE_CHECKING:
    from harness.backends.session import Session
    from harness.backends.subnormals import Subnormals
    from harness.machine.gpu.figures import GpuFigures
    from harness.machine.linux_facts import Throttling
    from harness.machine.meter import Meter


def measure_job(job: TrialJob) -> TrialResult:
    """Loads both networks, measures them alternately, and summarises."""
    from harness.machine.quota import QuotaMeter

    backend = backends.get(job.first.backend)
    with job.first.open() as session, job.second.open() as second:
        feed = Feed.of(job.first.inputs)
        values = seeded_values(session.inputs, job.seed, feed)
        first_inference_ms = session.start(values)
        outputs = session.outputs()
        check_finite(outputs, feed.described())
        second.start(seeded_values(second.inputs, job.seed, Feed.of(job.second.inputs)))
        precision_effective = session.precision_effective()
        meter = open_meter(job.first.gpu if backend.on_gpu else None)
        quota = QuotaMeter()
        slowdown_percent, second_slowdown_percent = job.slowdowns_percent
        blocks = loop.measure(
            slowed(session, slowdown_percent), slowed(second, second_slowdown_percent), job.timing, meter=meter
        )
        throttling, figures, peak_mib = quota.throttling(), figures_of(session, meter), memory_peak_mib()
        found = energies_of(session, blocks, backend.on_gpu) if job.measure_energy else {}
        # Last: it may open another session, whose memory and time belong to no figure.
        found |= conditions_of(throttling, session.subnormals() if job.count_subnormals else None)
    if job.samples:
        with explained(Path(job.samples)):
            save_samples(blocks, Path(job.samples))
    return TrialResult(
        status="ok",
        load_s=session.load_s,
        first_inference_ms=first_inference_ms,
        memory_peak_mib=peak_mib,
        input_digest=sha256_arrays(values.values()),
        output_digest=sha256_arrays(outputs.values()),
        reference_sha256=file_sha256(Path(job.second.artifact)),
        runtime=backend.runtime(),
        latency_kind=session.latency_kind,
        provider=session.provider,
        precision_effective=precision_effective,
        gpu=figures,
        **found,
        **summarise(blocks, job.first.batch),
    )


def conditions_of(throttling: Throttling | None, subnormals: Subnormals | None) -> dict[str, Any]:
    """The fields of a result for what the trial met; those that were not counted are absent."""
    counted: dict[str, Any] = {}
    if throttling is not None:
        counted |= {
            "quota_periods_count": throttling.periods,
            "quota_throttled_periods_count": throttling.throttled,
        }
    if subnormals is not None:
        counted |= {
            "subnormal_weights_percent": subnormals.weights_percent,
            "subnormal_activations_percent": subnormals.activations_percent,
        }
    return counted


def figures_of(session: Session, meter: Meter) -> GpuFigures | None:
    """Measures the GPU figures after the blocks and adds the meter's readings; returns None on a processor."""
    figures = session.gpu_figures()
    if figures is None:
        return None
    from harness.timing.energy import session_energy_mj

    energy_mj = session_energy_mj(meter, session)
    return dataclasses.replace(figures, energy_mj=energy_mj).with_readings(meter.summary())


def energies_of(session: Session, blocks: list[Block], on_gpu: bool) -> dict[str, Any]:
    """The fields of a result for the energy of an inference; empty, and nothing is run, where there is no meter."""
    from harness.machine.energy import sources

    meters = sources.open_meters(on_gpu=on_gpu)
    if not meters:
        return {}
    from harness.timing.system_energy import energies_mj

    return energies_mj(meters, session, float(np.median(pooled_latencies_ms(blocks, MEASURED))))


def slowed(session: Session, percent: float) -> loop.Timeable:
    """Returns the session, slowed down by the percentage if it is not 0.

    Raises:
        UnsupportedError: the session's latency is not the host's.
    """
    if not percent:
        return session
    if session.latency_kind != "host":
        raise UnsupportedError(f"Only host latency can be slowed down, not {session.latency_kind}.")
    from harness.timing.slowdown import Slowed

    return Slowed(session, percent)


def main(arguments: list[str]) -> int:
    """Measures the job in the first file and writes the result to the second; returns the process's exit code."""
    begin_s = time.perf_counter()
    started_at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")

    def facts() -> dict[str, Any]:
        return {"started_at": started_at, "worker_s": time.perf_counter() - begin_s}

    return answer_file(arguments, lambda job: measure_job(TrialJob.from_json(job)).to_json(), facts)


if __name__ == "__main__":
    end_with_parent()
    die_first()
    sys.exit(main(sys.argv[1:]))
