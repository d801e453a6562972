"""The environment of a command on a host."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.hosts.environment import cleaned
from tests.processes import wait_for

TASK = {"PATH": "/bin", "PYTHONPATH": "/code", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "RAY_JOB_ID": "1"}


def test_what_ray_sets_is_left_out() -> None:
    assert cleaned({**TASK, "RAY_ADDRESS": "192.0.2.1:6379"}) == {"PATH": "/bin", "PYTHONPATH": "/code"}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_the_user_set_for_the_host_is_kept() -> None:
    environment = {"OMP_NUM_THREADS": "7", "CUDA_VISIBLE_DEVICES": "2"}
    with subprocess.Popen(["sleep", "60"], env=environment) as started:
        try:
            # Popen returns when the program is being replaced, a moment before the kernel has its environment.
            wait_for(Path(f"/proc/{started.pid}/environ").read_bytes)
            found = cleaned({**TASK, "RAY_RAYLET_PID": str(started.pid)})
        finally:
            started.kill()
    assert found == {"PATH": "/bin", "PYTHONPATH": "/code", **environment}


def test_a_process_that_is_gone_is_no_obstacle() -> None:
    assert cleaned({"RAY_RAYLET_PID": "999999999", "HOME": "/home/someone"}) == {"HOME": "/home/someone"}
