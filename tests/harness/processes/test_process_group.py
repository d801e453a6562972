"""Processes in groups of their own: what they print is bounded, and what they start ends with them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.processes.process_group import OutputTail, kill_group, start_group
from tests.processes import has_ended, wait_for


def python(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(lines)]


def test_the_end_of_what_is_printed_is_kept() -> None:
    process = start_group(python("for i in range(100): print(i)", "print('x' * 10**6)", "print('last')"), os.environ)
    tail = OutputTail(process.stdout)
    assert tail.wait(60)
    assert process.wait(60) == 0
    assert tail.last_line() == tail.text().splitlines()[-1] == "last"
    assert len(tail.text()) <= 20 * 500


def test_a_silent_process_has_no_last_line() -> None:
    process = start_group(python("pass"), os.environ)
    tail = OutputTail(process.stdout)
    assert tail.wait(60)
    assert tail.last_line() == tail.text() == ""
    assert process.wait(60) == 0


def test_it_runs_where_it_is_asked_to_and_without_input(tmp_path: Path) -> None:
    process = start_group(python("import os, sys", "print(os.getcwd(), repr(sys.stdin.read()))"), os.environ, tmp_path)
    tail = OutputTail(process.stdout)
    assert tail.wait(60)
    assert tail.text() == f"{tmp_path} ''"
    process.wait(60)


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX's")
def test_children_end_with_their_process() -> None:
    child = "import subprocess, sys, time; c = subprocess.Popen(['sleep', '600']); print(c.pid, flush=True); c.wait()"
    process = start_group(python(child), os.environ)
    tail = OutputTail(process.stdout)
    while not tail.last_line():
        assert not tail.wait(0.05)
    started = int(tail.last_line())
    kill_group(process)
    assert process.wait(60) < 0
    assert tail.wait(60)
    wait_for(lambda: has_ended(started))
    kill_group(process)
