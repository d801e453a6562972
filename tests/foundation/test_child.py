from __future__ import annotations

import subprocess
import sys

import numpy as np
import psutil
import pytest


def test_the_peak_is_that_of_this_process_not_of_its_parent() -> None:
    """A child's `ru_maxrss` would begin at the parent's value here."""
    held = np.ones(400 * 1024 * 1024, dtype=np.uint8)
    code = "from foundation.child import memory_peak_mib; print(memory_peak_mib())"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 5 < float(answer.stdout) < 300
    assert held[-1] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's choice is set through /proc, on Linux alone")
def test_a_worker_is_the_first_to_be_killed_when_memory_runs_out() -> None:
    code = "from foundation.child import die_first; die_first(); print(open('/proc/self/oom_score_adj').read())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "1000"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a parent-death signal")
def test_a_worker_ends_with_a_launcher_that_is_killed() -> None:
    """An orphan would compute beside the trials of the resumed run."""
    worker = "from foundation.child import end_with_parent; end_with_parent(); print(1, flush=True); time.sleep(60)"
    launcher_module = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE);"
        "child.stdout.readline(); print(child.pid, flush=True); child.wait()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", launcher_module, f"import time; {worker}"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    child = psutil.Process(int(process.stdout.readline()))
    process.kill()
    process.communicate()
    child.wait(timeout=10)
