"""Processes that start while the one before ends: real trials, one each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.processes.launcher import TRIAL_MODULE, run_trial
from harness.processes.successor import Successor
from harness.processes.trial import TrialJob
from tests.harness.hosts.conftest import wait_for


@pytest.fixture
def successor() -> Iterator[Successor]:
    with Successor(TRIAL_MODULE) as made:
        yield made


def test_a_process_that_waited_makes_the_next_trial(quick_job: TrialJob, tmp_path: Path, successor: Successor) -> None:
    waited_beside: list[bool] = []

    def prepare() -> None:
        # The present trial's process is still there, and so is its unfinished result.
        waited_beside.append(bool(list(tmp_path.glob("trial-*/job.json"))))
        successor.prepare()

    first = run_trial(quick_job, timeout_s=60, work_dir=tmp_path, when_timed=prepare)
    assert first.status == "ok", first.reason
    assert waited_beside == [True]
    waiting = successor.take()
    assert waiting is not None
    assert successor.take() is None
    other = dataclasses.replace(quick_job, seed=quick_job.seed + 1)
    second = run_trial(other, timeout_s=60, work_dir=tmp_path, process=waiting)
    assert second.status == "ok", second.reason
    assert second.input_digest != first.input_digest
    assert waiting.returncode == 0


def test_a_trial_that_fails_prepares_nothing(quick_job: TrialJob, tmp_path: Path, successor: Successor) -> None:
    broken = dataclasses.replace(quick_job, first=dataclasses.replace(quick_job.first, sha256="0" * 64))
    assert run_trial(broken, timeout_s=60, work_dir=tmp_path, when_timed=successor.prepare).status == "failed"
    assert successor.take() is None


def test_one_process_waits_at_most(successor: Successor) -> None:
    successor.prepare()
    successor.prepare()
    waiting = successor.take()
    assert waiting is not None
    assert [one.pid for one in psutil.Process().children() if TRIAL_MODULE in one.cmdline()] == [waiting.pid]
    waiting.kill()
    waiting.communicate()


def test_a_process_that_was_killed_while_it_waited_is_not_taken(successor: Successor) -> None:
    successor.prepare()
    (waiting,) = [one for one in psutil.Process().children() if TRIAL_MODULE in one.cmdline()]
    waiting.kill()
    wait_for(lambda: waiting.status() == psutil.STATUS_ZOMBIE)
    assert successor.take() is None


def test_a_trial_is_made_all_the_same_if_its_process_is_gone(
    quick_job: TrialJob, tmp_path: Path, successor: Successor
) -> None:
    successor.prepare()
    waiting = successor.take()
    assert waiting is not None
    waiting.kill()
    waiting.wait()
    result = run_trial(quick_job, timeout_s=60, work_dir=tmp_path, process=waiting)
    assert result.status == "ok", result.reason


def test_no_process_stays_behind() -> None:
    with Successor(TRIAL_MODULE) as successor:
        successor.prepare()
        (waiting,) = [one for one in psutil.Process().children() if TRIAL_MODULE in one.cmdline()]
    assert not waiting.is_running()


def test_the_next_trial_starts_its_own_process_if_none_can_be_prepared(
    successor: Successor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError("too many processes")

    monkeypatch.setattr("harness.processes.successor.start_group", refuse)
    successor.prepare()
    assert successor.take() is None
