"""Priorities of a courier's workers, set back by a real process of a lower priority."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harness.hosts.priority import restore

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="priorities of Linux")

CHILD = """
import os
from harness.hosts import priority
USER
print(priority.fault(), os.getpriority(os.PRIO_PROCESS, 0), sep="|")
"""


def told(user: str, niceness: int = 15) -> tuple[str, int]:
    """What a process with that niceness says, and the niceness that it has then, as a user."""
    environment = {**os.environ, "RAY_RAYLET_PID": str(os.getpid())}
    code = CHILD.replace("USER", user)
    begin = ["nice", "-n", str(niceness), sys.executable, "-c", code]
    ended = subprocess.run(begin, env=environment, capture_output=True, text=True, check=True)
    why, _, left = ended.stdout.strip().rpartition("|")
    return why, int(left)


def test_a_process_that_no_courier_started_keeps_its_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_RAYLET_PID", raising=False)
    assert restore() == 0


@pytest.mark.skipif("os.geteuid() != 0", reason="root alone may raise a priority")
def test_root_gets_the_priority_of_the_shell_back() -> None:
    assert told("") == ("", os.getpriority(os.PRIO_PROCESS, 0))


@pytest.mark.skipif("os.geteuid() != 0", reason="gives up being root")
def test_a_user_who_may_not_reads_how_to_start_the_host() -> None:
    why, left = told("os.setuid(65534)")
    assert left == os.getpriority(os.PRIO_PROCESS, 0) + 15
    assert "niceness of 15 more" in why
    assert "RAY_worker_niceness=0 ray start" in why
