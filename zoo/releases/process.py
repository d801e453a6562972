"""Runs a worker, and watches its time and memory: whatever it does, only its own result can be lost."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from foundation.endings import Remedies, ended, over_memory, over_time
from foundation.units import BYTES_PER_MIB
from foundation.vocabulary import Status
from zoo.releases.facts import NetworkFacts
from zoo.releases.worker import JOB_FILE, RESULT_FILE, Job

WORKER = (sys.executable, "-m", "zoo.releases.worker")

_POLL_S = 0.2
_LOG_TAIL_CHARACTERS = 600
_WORK = "build"
_REMEDIES = Remedies(time="allow it more time (--timeout)", memory="allow it more (--memory), or use fewer --workers")


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of one worker."""

    timeout_s: float = 900.0
    memory_mib: int = 0
    """Resident memory; nine tenths of the free memory if 0."""
    threads: int = 1

    def resolved(self, workers: int = 1) -> Limits:
        """The same with the machine's own figure if none was given, shared by `workers` at a time."""
        free_mib = psutil.virtual_memory().available / BYTES_PER_MIB
        return dataclasses.replace(self, memory_mib=self.memory_mib or int(free_mib * 0.9 / workers))


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    status: Status
    """`ok`, `failed`, `timeout`, `out_of_memory` or `unsupported`."""
    reason: str = ""
    facts: NetworkFacts | None = None
    """None if `status` is not `ok`."""


def thread_variables(threads: int) -> dict[str, str]:
    """Environment variables that limit PyTorch and TensorFlow to `threads`, to be set before they are imported."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return dict.fromkeys(names, str(threads))


def _environment(limits: Limits) -> dict[str, str]:
    import zoo

    root = str(Path(zoo.__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        # The worker starts in a folder of its own, which does not contain this project.
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        **thread_variables(limits.threads),
    }


def run(
    job: Job,
    limits: Limits,
    stop: threading.Event | None = None,
    command: Sequence[str] = WORKER,
) -> Outcome:
    """Runs a job in a fresh interpreter, whose current directory is empty.

    Args:
        job: what to do.
        limits: limits beyond which the worker is terminated.
        stop: terminates the worker once set.
        command: starts a worker; the folder of the job is appended.
    """
    stop = stop or threading.Event()
    with tempfile.TemporaryDirectory(prefix="baseline-zoo-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        (place / JOB_FILE).write_text(json.dumps(job.to_json()), encoding="utf-8")
        log = place / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, folder],
                cwd=folder,
                env=_environment(limits),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
            )
        try:
            verdict = _watch(process, limits, stop)
        finally:
            process.kill()
            process.wait()
            if process.stdin:
                process.stdin.close()
        return verdict or _outcome(process.returncode, place / RESULT_FILE, log)


def _watch(process: subprocess.Popen[bytes], limits: Limits, stop: threading.Event) -> Outcome | None:
    """Waits for the end of a worker; returns an outcome if it may not continue."""
    end = time.monotonic() + limits.timeout_s
    while True:
        try:
            process.wait(timeout=_POLL_S)
        except subprocess.TimeoutExpired:
            pass
        else:
            return None
        if stop.is_set():
            return Outcome("failed", "ended with the command")
        if time.monotonic() > end:
            return Outcome(*over_time(_WORK, limits.timeout_s, _REMEDIES))
        if limits.memory_mib and _resident_mib(process.pid) > limits.memory_mib:
            return Outcome(*over_memory(_WORK, limits.memory_mib, _REMEDIES))


def _resident_mib(pid: int) -> float:
    try:
        return float(psutil.Process(pid).memory_info().rss / BYTES_PER_MIB)
    except psutil.Error:
        return 0.0


def _outcome(code: int, result: Path, log: Path) -> Outcome:
    try:
        data: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        tail = log.read_text(errors="replace")[-_LOG_TAIL_CHARACTERS:].strip()
        return Outcome(*ended(_WORK, code, _REMEDIES, tail))
    facts = NetworkFacts.from_json(data["facts"]) if data["status"] == "ok" else None
    return Outcome(data["status"], data["reason"], facts)
