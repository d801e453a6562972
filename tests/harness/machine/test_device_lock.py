"""The turns of several processes on one device: real processes and the kernel's locks."""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DeviceBusyError
from harness.machine import environment
from harness.machine.device_lock import FOLDER_VARIABLE, DeviceLock
from harness.machine.gpu.facts import Accelerator, GpuFacts

# Prints a line at the beginning and at the end of each turn, with the clock that all processes share.
_TURNS = """
import sys, time
from harness.machine.device_lock import DeviceLock
from harness.machine import environment

lock = DeviceLock.of(environment.collect(1), wait=True, say=lambda line: print(line, file=sys.stderr, flush=True))
for _ in range(int(sys.argv[1])):
    with lock.held():
        print("in", time.monotonic(), flush=True)
        time.sleep(float(sys.argv[2]))
        print("out", time.monotonic(), flush=True)
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))


def turns(count: int, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _TURNS, str(count), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def holder() -> Iterator[subprocess.Popen[str]]:
    """A process that has the processor's lock, for a minute."""
    with turns(1, 60) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("in")
        yield process
        process.kill()


def processor(*, wait: bool = True) -> tuple[DeviceLock, list[str]]:
    said: list[str] = []
    return DeviceLock.of(environment.collect(1), wait=wait, say=said.append), said


def gpu(bus_id: str, **kinds: Any) -> DeviceLock:
    facts = GpuFacts("A", "8.0", 108, 40_000, "12.4", bus_id)
    described = dataclasses.replace(environment.collect(1), accelerator=Accelerator(facts, "a runtime 1.0"))
    return DeviceLock.of(described, say=lambda line: None, **kinds)


def test_two_processes_take_turns() -> None:
    with turns(40, 0.02) as first, turns(40, 0.02) as second:
        printed = [one.communicate(timeout=60)[0].split() for one in (first, second)]
    times = [[float(text) for text in words[1::2]] for words in printed]
    spans = sorted(span for who, one in enumerate(times) for span in zip(one[::2], one[1::2], itertools.repeat(who)))
    assert len(spans) == 80
    assert all(end <= begin for (_, end, _), (begin, _, _) in itertools.pairwise(spans))
    # Whoever comes back for its next turn stands behind: while both are there, they alternate.
    begins, ends = max(one[0] for one in times), min(one[-1] for one in times)
    together = [who for begin, end, who in spans if begins <= begin and end <= ends]
    assert len(together) > 20
    assert all(first != second for first, second in itertools.pairwise(together))


def test_a_free_device_is_taken_without_a_word() -> None:
    lock, said = processor()
    with lock.held():
        pass
    with lock.held():
        pass
    assert said == []
    assert lock.told() == ""


def test_without_waiting_it_says_who_holds_it(holder: subprocess.Popen[str]) -> None:
    lock, _ = processor(wait=False)
    expected = rf"the processor is in use: process {holder.pid} on .* is timing on it\. Without --no-wait"
    with pytest.raises(DeviceBusyError, match=expected), lock.held():
        raise AssertionError("held by two")


def test_a_turn_comes_when_the_holder_dies_and_waiting_is_said_once(holder: subprocess.Popen[str]) -> None:
    said: list[str] = []
    ends: list[subprocess.Popen[bytes]] = []

    def say(line: str) -> None:
        said.append(line)
        ends.append(subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -9 {holder.pid}"]))

    lock = DeviceLock.of(environment.collect(1), wait=True, say=say)
    with lock.held():
        pass
    assert ends[0].wait() == 0
    assert lock.waits_count == 1
    assert lock.waited_s > 0.3
    (line,) = said
    assert line.startswith(f"process {holder.pid} on ")
    assert "each trial waits for its turn (--no-wait refuses instead)" in line
    assert "other measurements on the processor, before 1 trial" in lock.told()


def test_an_interrupted_wait_leaves_the_queue(holder: subprocess.Popen[str]) -> None:
    with turns(1, 0) as waiting:
        assert waiting.stderr is not None
        assert "waits for its turn" in waiting.stderr.readline()
        # It may not have begun to wait in the kernel yet, which then does not see the first signal.
        end = time.monotonic() + 10
        while waiting.poll() is None and time.monotonic() < end:
            waiting.send_signal(signal.SIGINT)
            time.sleep(0.2)
        waiting.communicate(timeout=1)
    assert waiting.returncode != 0
    holder.kill()
    holder.wait()
    lock, said = processor(wait=False)
    with lock.held():
        assert said == []


def test_each_gpu_has_its_own_turns() -> None:
    first, second, cpu = gpu("0000:01:00.0", wait=False), gpu("0000:02:00.0", wait=False), processor(wait=False)[0]
    busy = pytest.raises(DeviceBusyError, match=r"the GPU 0000:01:00\.0 is in use")
    with first.held(), second.held(), cpu.held(), busy:
        gpu("0000:01:00.0", wait=False)._taken()


def test_where_nothing_can_be_locked_it_measures_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "missing"))
    lock, said = processor(wait=False)
    for _ in range(2):
        with lock.held():
            pass
    (line,) = said
    assert "other measurements on the processor are not noticed" in line
    assert "No such file or directory" in line
    assert FOLDER_VARIABLE in line


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_in_the_shared_folder_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "anothers"
    target.write_text("precious")
    lock, said = processor()
    (tmp_path / "baseline-zoo-processor.lock").symlink_to(target)
    with lock.held():
        pass
    assert target.read_text() == "precious"
    assert "not noticed" in said[0]


@pytest.mark.skipif(os.name == "nt", reason="rights are others there")
def test_a_file_that_may_only_be_read_is_locked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuses_to_write(path: Any, flags: int, *rest: int) -> int:
        if flags & os.O_RDWR:
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest)

    first, _ = processor(wait=False)
    with first.held():
        monkeypatch.setattr(os, "open", refuses_to_write)
        with pytest.raises(DeviceBusyError):
            processor(wait=False)[0]._taken()
    second, said = processor(wait=False)
    with second.held():
        assert said == []
