from __future__ import annotations

import os
import sys

import psutil
import pytest

from harness.machine import processor

STAT = """cpu  9999 0 0 0 0 0 0 0 0 0
cpu0 100 200 400 100000 50000 800 1600 3200 100 0
cpu2 1000 0 0 0 0 0 0 0 0 0
intr 1 2 3
ctxt 5
"""


def test_stolen_time_counts_and_idle_and_guest_time_do_not() -> None:
    assert processor.linux_busy_s(STAT, {0}, ticks_per_s=100) == 63


def test_processors_that_do_not_count_are_left_out_by_their_own_number() -> None:
    assert processor.linux_busy_s(STAT, {1, 2}, ticks_per_s=100) == 10
    assert processor.linux_busy_s(STAT, None, ticks_per_s=100) == 73


def test_an_old_kernel_reports_fewer_times() -> None:
    assert processor.linux_busy_s("cpu0 100 0 0 7\n", None, ticks_per_s=100) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere psutil is what is asked")
def test_the_kernels_files_agree_with_psutil() -> None:
    before = processor.busy_s(None)
    told = sum(sum(times[:3]) + sum(times[5:8]) for times in psutil.cpu_times(percpu=True))
    after = processor.busy_s(None)
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    assert before - tick_s <= told <= after + tick_s
    assert processor.physical_cores() == psutil.cpu_count(logical=False)
    assert processor.memory_mib() == psutil.virtual_memory().total // 2**20
    assert processor.allowed_cpus() == set(psutil.Process().cpu_affinity())


def test_psutil_is_used_on_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    class Times:
        user, system, idle = 1.0, 2.0, 1000.0

    monkeypatch.setattr(processor.sys, "platform", "darwin")
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [Times, Times])
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 8)
    monkeypatch.delattr(psutil.Process, "cpu_affinity")
    assert processor.busy_s({0}) == 3
    assert processor.busy_s(None) == 6
    assert processor.physical_cores() == 8
    assert processor.allowed_cpus() is None
    assert processor.logical_cores() == os.cpu_count()
