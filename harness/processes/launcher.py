"""Runs a trial in a fresh process and turns however it ends into a result."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO

from foundation import endings
from foundation.vocabulary import Status
from harness.errors import StorageError
from harness.files.storage import TRIAL_FOLDER_PREFIX
from harness.processes.trial import EXIT_NOT_STORED, TrialJob, TrialResult

# The size of the environment shifts the stack and with it alignments, which biases timings; a random
# size for each process turns the bias into noise that repetition averages out. Mytkowicz, Diwan,
# Hauswirth, Sweeney: "Producing wrong data without doing anything obviously wrong!", ASPLOS 2009
# (doi 10.1145/1508284.1508275); hyperfine does the same.
_PADDING_VARIABLE = "HARNESS_ENVIRONMENT_PADDING"
_PADDING_MAX_BYTES = 4096

_OUTPUT_TAIL_LINES = 20
_OUTPUT_LINE_MAX_CHARACTERS = 500

# A process that closed its output has this long to end before it is killed.
_GRACE_S = 10.0


def run_trial(job: TrialJob, *, timeout_s: float, work_dir: str | Path) -> TrialResult:
    """Measure the job in a fresh process; whatever that process does, the answer is a result.

    Job and result files live in `work_dir` for the while. A KeyboardInterrupt ends the process and is
    raised again.

    Raises:
        OSError: nothing can be written to `work_dir`.
        StorageError: the process could not write its samples or its result, as on a full disk. That is no fault of the
            network, whose trial is not to be recorded as failed.
    """
    started_at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(prefix=TRIAL_FOLDER_PREFIX, dir=work_dir) as directory:
        job_path, result_path = Path(directory, "job.json"), Path(directory, "result.json")
        job_path.write_text(json.dumps(job.to_json()))
        command = [
            sys.executable,
            "-X",
            "faulthandler",
            "-m",
            "harness.processes.trial_worker",
            str(job_path),
            str(result_path),
        ]
        ended = run_process(command, timeout_s=timeout_s)
        with contextlib.suppress(FileNotFoundError):
            return TrialResult.from_json(json.loads(result_path.read_text()))
    if ended.exit_code == EXIT_NOT_STORED:
        raise StorageError(ended.output_tail)
    status, reason = end_of(ended, timeout_s, "measurement")
    return TrialResult(status, reason, started_at=started_at)


@dataclasses.dataclass(frozen=True)
class EndedProcess:
    """How a process ended, and the last lines it printed."""

    exit_code: int
    timed_out: bool
    output_tail: str


def run_process(command: list[str], *, timeout_s: float) -> EndedProcess:
    """Run the command in a process group of its own, and kill the group after `timeout_s`.

    The waiting blocks in the kernel: `Popen.wait(timeout)` polls, which costs the process that is
    being timed a part of a core.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=padded_environment(),
        text=True,
        errors="replace",
        start_new_session=True,
    )
    tail: collections.deque[str] = collections.deque(maxlen=_OUTPUT_TAIL_LINES)
    assert process.stdout is not None
    reader = threading.Thread(target=keep_tail, args=(process.stdout, tail), daemon=True)
    reader.start()
    deadline_s = time.monotonic() + timeout_s
    timed_out = False
    try:
        reader.join(timeout_s)
        remaining_s = max(deadline_s - time.monotonic(), 0.0)
        timed_out = reader.is_alive()
        if not timed_out:
            process.wait(min(remaining_s, _GRACE_S))
    except subprocess.TimeoutExpired:
        timed_out = True
    finally:
        # Also on KeyboardInterrupt: no measuring process outlives its launcher.
        kill_group(process)
        exit_code = process.wait()
        reader.join(_GRACE_S)
        process.stdout.close()
    return EndedProcess(exit_code, timed_out, "".join(tail).strip())


def padded_environment() -> dict[str, str]:
    """This process's environment with a variable of random length added."""
    return {**os.environ, _PADDING_VARIABLE: "x" * random.randrange(_PADDING_MAX_BYTES)}


def keep_tail(stream: IO[str], tail: collections.deque[str]) -> None:
    """Read the stream to its end, keeping the last lines, each cut to a bounded length."""
    while line := stream.readline(_OUTPUT_LINE_MAX_CHARACTERS):
        tail.append(line)


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kill the process, with its children, where it still runs."""
    if process.poll() is not None:
        return  # Its number may belong to another process by now.
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def end_of(ended: EndedProcess, timeout_s: float, work: str) -> tuple[Status, str]:
    """Status and reason of a process that left no result.

    Args:
        ended: how the process ended.
        timeout_s: what it was allowed.
        work: what it was to do, as in `measurement`.
    """
    if ended.timed_out:
        return endings.over_time(work, timeout_s, endings.Remedies(), ended.output_tail)
    return endings.ended(work, ended.exit_code, endings.Remedies(), ended.output_tail)
