"""The measuring process: `python -m harness.worker JOB RESULT`.

It reads a `TrialJob`, measures, and writes a `TrialResult`. Whatever happens becomes a status and a
reason in that file. Its start-up is part of every trial, so it imports little.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from harness import backends, statistics, timing
from harness.artifact_digest import artifact_sha256
from harness.backends.base import ArtifactError, Session, UnsupportedError
from harness.digests import file_sha256
from harness.errors import HarnessError
from harness.gpu.settings import GpuSettings
from harness.slowdown import Slowed
from harness.storage import StorageError, explained
from harness.trial import EXIT_NOT_STORED, Status, TrialJob, TrialResult

_BYTES_PER_MIB = 1024 * 1024

# From linux/prctl.h.
_PR_SET_PDEATHSIG = 1

# How runtimes word a failed allocation where Python gets no MemoryError.
_ALLOCATION_FAILURES = ("failed to allocate memory", "bad_alloc", "bad allocation", "out of memory")


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
        blocks = timing.measure(
            slowed(session, job.slowdown_percent),
            slowed(reference, job.reference_slowdown_percent),
            job.timing,
            meter=meter,
        )
        figures = session.gpu_figures()
        if figures:
            from harness.gpu.energy import session_energy_mj

            figures = dataclasses.replace(figures, energy_mj=session_energy_mj(meter, session))
    if job.samples:
        with explained(Path(job.samples)):
            timing.save_samples(blocks, Path(job.samples))
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


def slowed(session: Session, percent: float) -> timing.Timeable:
    """The session, slower by the percentage where there is one.

    Raises:
        UnsupportedError: its latency is not the host's.
    """
    if not percent:
        return session
    if session.latency_kind != "host":
        raise UnsupportedError(f"Only host latency can be slowed down, not {session.latency_kind}.")
    return Slowed(session, percent)


def summarise(blocks: list[timing.Block], batch: int) -> dict[str, Any]:
    """The figures of a TrialResult that come from the samples."""
    usable = timing.usable_blocks(blocks)
    latencies_ms = timing.pooled_latencies_ms(usable, timing.MEASURED)
    ratios = timing.group_ratios(usable)
    spread = statistics.robust_sd(np.log(ratios))
    median_ms = float(np.median(latencies_ms))
    return {
        "latency_median_ms": median_ms,
        "latency_mean_ms": float(np.mean(latencies_ms)),
        "latency_p90_ms": statistics.percentile(latencies_ms, 90),
        "latency_p99_ms": statistics.percentile(latencies_ms, 99),
        "latency_min_ms": float(np.min(latencies_ms)),
        "reference_median_ms": float(np.median(timing.pooled_latencies_ms(usable, timing.REFERENCE))),
        "ratio": float(np.median(ratios)),
        "ratio_spread_percent": None if spread is None else 100 * spread,
        "samples_count": len(latencies_ms),
        "blocks_count": len(blocks),
        "blocks_contaminated_count": sum(block.contaminated for block in blocks),
        "throughput_images_per_s": 1000 * batch / median_ms,
    }


def seeded_images(session: Session, seed: int) -> npt.NDArray[np.float32]:
    """Standard normal images in the shape of the session's input."""
    return np.random.default_rng(seed).standard_normal(session.input.fixed_shape, dtype=np.float32)


def check_finite(outputs: dict[str, npt.NDArray[Any]]) -> None:
    """Raise ArtifactError where an output is not a finite number."""
    for name, values in outputs.items():
        if not np.issubdtype(values.dtype, np.floating):
            continue
        for word, bad in (("NaN", np.isnan(values)), ("infinite", np.isinf(values))):
            if bad.any():
                raise ArtifactError(
                    f"Output {name!r} is {word} in {int(bad.sum())} of {values.size} values. "
                    "What it computes means nothing: verify the conversion and the weights."
                )


def memory_peak_mib() -> float | None:
    """Largest resident set of this process.

    Not `ru_maxrss` on Linux: a child inherits its parent's there, whatever it uses itself.
    """
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return None
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / _BYTES_PER_MIB
    import resource

    # Bytes on macOS, kibibytes on the BSDs.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _BYTES_PER_MIB


def check_artifact(path: Path, sha256: str) -> None:
    """Refuses an artifact that is not the planned one.

    Args:
        path: of the artifact.
        sha256: digest that it had when it was planned, of `artifact_sha256`.

    Raises:
        ArtifactError: it has another one, or cannot be read.
    """
    try:
        # A file whose own digest is the artifact's has its weights inside: no need to go through the graph for others.
        if file_sha256(path) == sha256:
            return
        found = artifact_sha256(path)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}. Convert the model again.") from error
    if found != sha256:
        raise ArtifactError(
            f"{path} has SHA-256 {found[:16]}, not {sha256[:16]} as planned: it changed since, or is truncated. "
            "Convert the model again."
        )


def sha256_arrays(arrays: Iterable[npt.NDArray[Any]]) -> str:
    """Hexadecimal digest of the arrays' bytes in order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def failure(error: BaseException) -> TrialResult:
    """The result that an exception becomes."""
    text = str(error).strip() or type(error).__name__
    status: Status = "failed"
    if isinstance(error, UnsupportedError):
        status = "unsupported"
    elif isinstance(error, MemoryError) or any(word in text.lower() for word in _ALLOCATION_FAILURES):
        status = "out_of_memory"
        text = f"Not enough memory ({text}). Use a smaller batch, or free memory."
    elif not isinstance(error, HarnessError):
        text = f"{type(error).__name__}: {text}"
    return TrialResult(status=status, reason=text)


def write_json_atomically(data: dict[str, Any], path: Path) -> None:
    """Write the file so that a reader finds either nothing or all of it."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(data))
    partial.replace(path)


def end_with_parent() -> None:
    """Has the kernel end this process with the one that started it, however that one ends.

    A worker that outlived a killed run would compute beside the next run's trials. Linux alone offers
    this; elsewhere such a worker runs on for the seconds that its trial takes.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def die_first() -> None:
    """Asks the kernel to kill this process before any other where memory runs out.

    A batch that does not fit must cost its own row, not the run or a stranger's program.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")


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
        with explained(result_path):
            write_json_atomically(data, result_path)
    except StorageError as error:
        print(error, file=sys.stderr)
        return EXIT_NOT_STORED
    return 0


if __name__ == "__main__":
    end_with_parent()
    die_first()
    sys.exit(main(sys.argv[1:]))
