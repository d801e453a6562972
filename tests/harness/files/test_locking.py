"""One writer per directory, with a real second process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import RunLockedError, StorageError
from harness.files.locking import HOLDER_NAME, LOCK_NAME, RunLock

_HOLDS_THE_LOCK = """
import sys, time
from pathlib import Path
from harness.files.locking import RunLock
lock = RunLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDS_THE_LOCK, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_learns_who_holds_it_and_what_to_do(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(RunLockedError, match=rf"process {holder.pid} on .*, since 20.*another --output"):
        RunLock(tmp_path)


def test_the_message_does_without_the_note(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    assert holder.poll() is None
    (tmp_path / HOLDER_NAME).unlink()
    with pytest.raises(RunLockedError, match="another process is measuring into it"):
        RunLock(tmp_path)


def test_a_killed_holder_does_not_block(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / HOLDER_NAME).exists()
    lock = RunLock(tmp_path)
    assert str(os.getpid()) in (tmp_path / HOLDER_NAME).read_text()
    lock.release()


def test_it_can_be_taken_again_after_release(tmp_path: Path) -> None:
    first = RunLock(tmp_path)
    with pytest.raises(RunLockedError):
        RunLock(tmp_path)
    first.release()
    first.release()
    assert not (tmp_path / HOLDER_NAME).exists()
    RunLock(tmp_path).release()


def test_a_late_second_release_leaves_the_next_holder_alone(tmp_path: Path) -> None:
    first = RunLock(tmp_path)
    first.release()
    second = RunLock(tmp_path)
    first.release()
    assert (tmp_path / HOLDER_NAME).exists()
    with pytest.raises(RunLockedError):
        RunLock(tmp_path)
    second.release()


def test_a_lock_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).mkdir()
    with pytest.raises(StorageError, match="Check the path"):
        RunLock(tmp_path)


def test_a_process_that_is_started_does_not_inherit_it(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        close_fds=False,
    )
    assert child.stdout is not None
    # Popen returns before the kernel has closed what the program does not inherit.
    child.stdout.readline()
    lock.release()
    try:
        RunLock(tmp_path).release()
    finally:
        child.communicate(b"\n")
