from __future__ import annotations

import dataclasses
import functools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness.errors import EXIT_NOT_STORED, StorageError
from harness.processes import launcher as launcher_module
from harness.processes import process_group
from harness.processes.launcher import EndedProcess, end_of, run_process, run_profile, run_trial
from harness.processes.profile import ProfileJob
from harness.processes.trial import TrialJob
from tests.processes import has_ended, wait_for

posix = pytest.mark.skipif(os.name != "posix", reason="Signals are POSIX.")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_trial_runs_in_another_process(quick_job: TrialJob, tmp_path: Path) -> None:
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    result = run_trial(quick_job, timeout_s=60, work_dir=work_dir)
    assert result.reason == ""
    assert result.status == "ok"
    assert Path(quick_job.samples).is_file()
    assert list(work_dir.iterdir()) == []


def test_a_failed_trial_has_the_workers_reason(quick_job: TrialJob, tmp_path: Path) -> None:
    result = run_trial(
        dataclasses.replace(quick_job, first=dataclasses.replace(quick_job.first, batch=5)),
        timeout_s=60,
        work_dir=tmp_path,
    )
    assert result.status == "failed"
    assert "batch 5 was requested" in result.reason


def test_a_full_disk_is_no_failure_of_the_trial(quick_job: TrialJob, tmp_path: Path) -> None:
    full = dataclasses.replace(quick_job, samples="/dev/full/samples.npz")
    with pytest.raises(StorageError, match=r"samples\.npz"):
        run_trial(full, timeout_s=60, work_dir=tmp_path)


@posix
def test_a_result_that_cannot_be_written_is_no_failure_of_the_trial(
    quick_job: TrialJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    started = subprocess.Popen
    # Enough space for the job's file, too little for the samples.
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (1200, 1200))
    monkeypatch.setattr(subprocess, "Popen", functools.partial(started, preexec_fn=limit))
    with pytest.raises(StorageError, match=r"No space left to write .*repeat the command"):
        run_trial(dataclasses.replace(quick_job, samples=str(tmp_path / "s.npz")), timeout_s=60, work_dir=tmp_path)


def test_a_profile_that_cannot_be_stored_is_failed(quick_job: TrialJob, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = EndedProcess(EXIT_NOT_STORED, False, "No space left")
    monkeypatch.setattr(launcher_module, "run_process", lambda _command, timeout_s: ended)
    result = run_profile(ProfileJob(quick_job.first, inferences=4), timeout_s=60)
    assert (result.status, result.reason) == ("failed", "No space left")


def test_a_trial_that_takes_too_long_times_out(quick_job: TrialJob, tmp_path: Path) -> None:
    endless = dataclasses.replace(quick_job, timing=dataclasses.replace(quick_job.timing, warmup_s=1000.0))
    result = run_trial(endless, timeout_s=1.0, work_dir=tmp_path)
    assert result.status == "timeout"
    assert "within 1 s" in result.reason
    assert result.started_at is not None


def test_a_process_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    child = "import time; time.sleep(600)"
    code = (
        "import os, pathlib, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"pathlib.Path({str(pids)!r}).write_text(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(600)"
    )
    ended = run_process(python(code), timeout_s=3.0)
    assert ended.timed_out
    wait_for(lambda: all(has_ended(int(pid)) for pid in pids.read_text().split()), 10)


def test_a_process_that_closes_its_output_and_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher_module, "_GRACE_S", 0.5)
    ended = run_process(python("import os, time; os.close(1); os.close(2); time.sleep(600)"), timeout_s=60.0)
    assert ended.timed_out


def test_ctrl_c_kills_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid_path = tmp_path / "pid"
    real_join = threading.Thread.join

    class InterruptedThread(threading.Thread):
        """Receives the user's Ctrl-C while it waits for the started process."""

        interrupted = False

        def join(self, timeout: float | None = None) -> None:
            if self.interrupted:
                real_join(self, timeout)
                return
            self.interrupted = True
            while not (pid_path.exists() and pid_path.read_text()):
                time.sleep(0.01)
            raise KeyboardInterrupt

    monkeypatch.setattr(process_group.threading, "Thread", InterruptedThread)
    code = f"import os, pathlib, time; pathlib.Path({str(pid_path)!r}).write_text(str(os.getpid())); time.sleep(600)"
    with pytest.raises(KeyboardInterrupt):
        run_process(python(code), timeout_s=60.0)
    assert has_ended(int(pid_path.read_text()))


def test_output_is_kept_as_a_bounded_tail() -> None:
    code = "import sys\nfor i in range(10000): print('line', i)\nprint('x' * 10**6)\nsys.exit('the end')"
    ended = run_process(python(code), timeout_s=60.0)
    assert ended.exit_code == 1
    assert ended.output_tail.endswith("the end")
    assert len(ended.output_tail) < 20_000


def test_every_process_has_an_environment_of_another_size() -> None:
    sizes = {
        sum(len(name) + len(value) for name, value in launcher_module.padded_environment().items()) for _ in range(20)
    }
    assert len(sizes) > 1


def test_the_padding_leaves_the_rest_of_the_environment_alone() -> None:
    padded = launcher_module.padded_environment()
    assert {name: padded[name] for name in os.environ} == dict(os.environ)


@posix
def test_a_crash_is_named_by_its_signal() -> None:
    ended = run_process(python("import os; print('so far', flush=True); os.abort()"), timeout_s=60.0)
    status, reason = end_of(ended, 60.0, "measurement")
    assert status == "failed"
    assert "SIGABRT" in reason
    assert "so far" in reason


@posix
def test_a_process_killed_by_the_kernel_ran_out_of_memory() -> None:
    ended = run_process(python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"), timeout_s=60.0)
    assert ended.exit_code == -signal.SIGKILL
    assert end_of(ended, 60.0, "measurement")[0] == "out_of_memory"


def test_an_uncaught_bad_alloc_is_out_of_memory() -> None:
    ended = EndedProcess(-6, False, "terminate called after throwing an instance of 'std::bad_alloc'")
    assert end_of(ended, 60.0, "measurement")[0] == "out_of_memory"


def test_a_process_that_ends_quietly_without_a_result_is_failed() -> None:
    ended = run_process(python("import sys; sys.exit(3)"), timeout_s=60.0)
    status, reason = end_of(ended, 60.0, "build")
    assert status == "failed"
    assert "build's process ended with exit code 3" in reason
