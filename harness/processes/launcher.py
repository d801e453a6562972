"""Runs a fresh process for one answer, and turns every way it can end into a result."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundation import endings
from foundation.vocabulary import Status
from harness.errors import EXIT_NOT_STORED, ChildError, StorageError
from harness.files.storage import TRIAL_FOLDER_PREFIX
from harness.processes.process_group import OutputTail, kill_group, start_group
from harness.processes.profile import ProfileJob, ProfileResult
from harness.processes.trial import TrialJob, TrialResult

# The size of the environment shifts the stack and thereby alignments, which biases timings; a random
# size for each process turns the bias into noise that repetition averages out. Mytkowicz, Diwan,
# Hauswirth, Sweeney: "Producing wrong data without doing anything obviously wrong!", ASPLOS 2009
# (doi 10.1145/1508284.1508275); hyperfine does the same.
_PADDING_VARIABLE = "HARNESS_ENVIRONMENT_PADDING"
_PADDING_MAX_BYTES = 4096

_PACKAGES = Path(__file__).parents[2]

# Lends another interpreter two packages. PYTHONPATH would lend it whatever is installed beside them too, before its own
# packages: it would measure this environment's runtime.
_LEND = """\
import runpy, sys
from importlib.machinery import PathFinder

class Lent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return PathFinder.find_spec(name, [sys.argv[1]]) if name in ("foundation", "harness") else None

sys.meta_path.insert(0, Lent)
runpy.run_module(sys.argv[2], run_name="__main__", alter_sys=True)
"""

# A process that closed its output has this long to exit before it is killed.
_GRACE_S = 10.0


def run_trial(job: TrialJob, *, timeout_s: float, work_dir: str | Path) -> TrialResult:
    """Measures the job in a fresh process; whatever that process does, returns a result.

    A KeyboardInterrupt ends the process and is raised again.

    Raises:
        OSError: nothing can be written to `work_dir`.
        StorageError: the process could not write its samples or its result, as on a full disk. The network is not at
            fault, so its trial must not be recorded as failed.
    """
    started_at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    try:
        module = "harness.processes.trial_worker"
        return TrialResult.from_json(answer_of(module, job.to_json(), "measurement", timeout_s, work_dir))
    except ChildError as error:
        return TrialResult(error.status, str(error), started_at=started_at)


def run_profile(job: ProfileJob, *, timeout_s: float) -> ProfileResult:
    """Profiles in a fresh process; whatever that process does, returns a result."""
    try:
        return ProfileResult.from_json(
            answer_of("harness.processes.profile_worker", job.to_json(), "profile", timeout_s)
        )
    except ChildError as error:
        more = " See --timeout and --inferences." if error.status == "timeout" else ""
        return ProfileResult(error.status, f"{error}{more}")
    except StorageError as error:
        return ProfileResult("failed", str(error))


def answer_of(
    module: str, question: Mapping[str, Any], work: str, timeout_s: float, work_dir: str | Path | None = None
) -> dict[str, Any]:
    """Returns the answer of a fresh process to one question; `harness.processes.child.answer_file` answers.

    Args:
        module: the module that the process runs.
        question: a JSON object.
        work: what the process does, as in `measurement`, for messages.
        timeout_s: time after which the process is killed.
        work_dir: folder that keeps the question and the answer until the process ends; by default the system's folder
            of temporary files.

    Raises:
        ChildError: the process left no answer.
        OSError: the question cannot be written.
        StorageError: the process could not store what it measured.
    """
    with tempfile.TemporaryDirectory(prefix=TRIAL_FOLDER_PREFIX, dir=work_dir) as directory:
        question_path, answer_path = Path(directory, "job.json"), Path(directory, "result.json")
        question_path.write_text(json.dumps(question))
        ended = run_process([*python_command(module), str(question_path), str(answer_path)], timeout_s=timeout_s)
        with contextlib.suppress(FileNotFoundError):
            answer: dict[str, Any] = json.loads(answer_path.read_text())
            return answer
    if ended.exit_code == EXIT_NOT_STORED:
        raise StorageError(ended.output_tail)
    raise ChildError(*end_of(ended, timeout_s, work))


def python_command(module: str, python: str | Path = sys.executable) -> list[str]:
    """The command that runs a module; if the interpreter crashes, it prints where.

    Another interpreter than this process's is lent this project's packages, and nothing else of this environment.
    """
    begin = [str(python), "-X", "faulthandler"]
    if str(python) == sys.executable:
        return [*begin, "-m", module]
    return [*begin, "-c", _LEND, str(_PACKAGES), module]


@dataclasses.dataclass(frozen=True)
class EndedProcess:
    """How a process ended, and the last lines it printed."""

    exit_code: int
    timed_out: bool
    output_tail: str


def run_process(command: list[str], *, timeout_s: float) -> EndedProcess:
    """Runs the command in its own process group, and kills the group after `timeout_s`.

    It waits in the kernel: `Popen.wait(timeout)` polls, which takes part of a core from the process that is
    being timed.
    """
    process = start_group(command, padded_environment())
    tail = OutputTail(process.stdout)
    deadline_s = time.monotonic() + timeout_s
    timed_out = False
    try:
        timed_out = not tail.wait(timeout_s)
        if not timed_out:
            process.wait(min(max(deadline_s - time.monotonic(), 0.0), _GRACE_S))
    except subprocess.TimeoutExpired:
        timed_out = True
    finally:
        # Also on KeyboardInterrupt: no measuring process outlives its launcher.
        kill_group(process)
        exit_code = process.wait()
        tail.wait(_GRACE_S)
        if process.stdout is not None:
            process.stdout.close()
    return EndedProcess(exit_code, timed_out, tail.text())


def padded_environment() -> dict[str, str]:
    """This process's environment with a variable of random length added."""
    return {**os.environ, _PADDING_VARIABLE: "x" * random.randrange(_PADDING_MAX_BYTES)}


_REMEDIES = {"build": endings.Remedies(time="allow it more time (--build-timeout) or use a smaller model")}
"""What to do about the limits of a process, by its task, where the usual words do not name the option."""


def end_of(ended: EndedProcess, timeout_s: float, work: str) -> tuple[Status, str]:
    """Status and reason of a process that left no result.

    Args:
        ended: how the process ended.
        timeout_s: its time limit.
        work: what it had to do, as in `measurement`.
    """
    remedies = _REMEDIES.get(work, endings.Remedies())
    if ended.timed_out:
        return endings.over_time(work, timeout_s, remedies, ended.output_tail)
    return endings.ended(work, ended.exit_code, remedies, ended.output_tail)
