"""Workers that misbehave; a well-behaved one is in test_toy_release.py."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from tests.processes import has_ended, wait_for
from zoo.releases.process import Limits, Outcome, run, thread_variables
from zoo.releases.worker import Job

JOB = Job("gpunet/GPUNet-0", "release")
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def worker(tmp_path):
    def command(script: str) -> tuple[str, ...]:
        file = tmp_path / "worker.py"
        file.write_text(textwrap.dedent(script))
        return (sys.executable, str(file))

    return command


def test_a_worker_that_crashes_leaves_its_last_words(worker):
    outcome = run(JOB, Limits(), command=worker("import os; print('oh no', flush=True); os._exit(3)"))
    assert outcome == Outcome("failed", "The build's process ended with exit code 3 and left no result. It said: oh no")


@pytest.mark.skipif(sys.platform == "win32", reason="no signals there")
def test_a_worker_that_the_system_kills_ran_out_of_memory(worker):
    outcome = run(JOB, Limits(), command=worker("import os; os.kill(os.getpid(), 9)"))
    assert outcome.status == "out_of_memory"


def test_a_worker_that_hangs_is_ended(worker):
    outcome = run(JOB, Limits(timeout_s=0.5), command=worker("import time; time.sleep(600)"))
    assert outcome.status == "timeout"
    assert "--timeout" in outcome.reason


def test_a_worker_that_takes_too_much_memory_is_ended(worker):
    script = "held = bytearray(300 * 2**20); held[::4096] = b'x' * len(held[::4096]); import time; time.sleep(600)"
    outcome = run(JOB, Limits(memory_mib=200, timeout_s=60), command=worker(script))
    assert outcome == Outcome(
        "out_of_memory", "The build took more than 200 MiB; allow it more (--memory), or use fewer --workers."
    )


def test_a_worker_is_ended_with_the_command(worker):
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    outcome = run(JOB, Limits(), stop, worker("import time; time.sleep(600)"))
    assert outcome == Outcome("failed", "ended with the command")


def test_a_truncated_result_is_ignored(worker):
    script = "import sys; open(sys.argv[1] + '/result.json', 'w').write('{\"status\": \"ok\", ')"
    assert run(JOB, Limits(), command=worker(script)).status == "failed"


def test_a_worker_starts_in_an_empty_folder_with_the_asked_threads(worker):
    script = """
        import json, os, sys
        print(sorted(os.listdir()), os.environ["OMP_NUM_THREADS"], os.environ["PYTHONDONTWRITEBYTECODE"])
        import zoo
        print(zoo.__file__, json.load(open("job.json"))["model"])
        raise SystemExit(4)
    """
    reason = run(JOB, Limits(threads=3), command=worker(script)).reason
    assert "['job.json', 'log'] 3 1" in reason
    assert f"{ROOT / 'zoo' / '__init__.py'} gpunet/GPUNet-0" in reason


def test_a_failure_is_reported_in_its_own_words(tmp_path):
    """The worker itself, asked for original code that is missing."""
    outcome = run(Job("gpunet/GPUNet-0", "release", cache_dir=str(tmp_path)), Limits())
    assert outcome.status == "failed"
    assert outcome.reason.endswith("fetch it with: python -m zoo fetch --sources gpunet")


def test_a_worker_does_not_outlive_the_one_that_started_it(tmp_path):
    (tmp_path / "job.json").write_text("{}")
    script = (
        "import subprocess, sys, time; "
        "code = 'import threading, time; from zoo.releases import worker; "
        "threading.Thread(target=worker._end_with_input).start(); print(1, flush=True); time.sleep(600)'; "
        "child = subprocess.Popen([sys.executable, '-c', code], stdin=subprocess.PIPE, stdout=subprocess.PIPE); "
        "child.stdout.readline(); print(child.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, env=dict(os.environ))
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: has_ended(child), 10)


def test_an_equal_share_of_the_free_memory_is_the_limit_if_none_is_given():
    alone, shared = Limits().resolved(1), Limits().resolved(4)
    assert 0 < shared.memory_mib < alone.memory_mib
    assert Limits(memory_mib=100).resolved(4).memory_mib == 100


def test_both_frameworks_are_kept_to_the_asked_threads():
    assert set(thread_variables(2).values()) == {"2"}
    assert {"OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"} <= set(thread_variables(2))
