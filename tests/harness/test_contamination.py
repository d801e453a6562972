from __future__ import annotations

import collections
import time

import psutil
import pytest

from harness import contamination
from harness.contamination import CpuMeter, CpuReading, foreign_cores

LinuxTimes = collections.namedtuple(
    "LinuxTimes", ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest"]
)


def test_what_is_busy_beyond_this_process_is_foreign() -> None:
    before = CpuReading(wall_s=10.0, busy_s=100.0, own_s=5.0)
    after = CpuReading(wall_s=12.0, busy_s=104.0, own_s=8.0)
    assert foreign_cores(before, after) == pytest.approx(0.5)


def test_a_counter_that_lags_behind_is_not_foreign() -> None:
    before = CpuReading(wall_s=10.0, busy_s=100.0, own_s=5.0)
    after = CpuReading(wall_s=10.1, busy_s=100.0, own_s=5.1)
    assert foreign_cores(before, after) == 0.0


def test_no_time_has_no_foreign_cores() -> None:
    reading = CpuReading(wall_s=1.0, busy_s=2.0, own_s=0.5)
    assert foreign_cores(reading, reading) == 0.0


def test_stolen_time_counts_and_idle_and_guest_time_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    times = LinuxTimes(user=1, nice=2, system=4, idle=1000, iowait=500, irq=8, softirq=16, steal=32, guest=1)
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [times])
    monkeypatch.setattr(contamination, "allowed_cpus", lambda: frozenset({0}))
    assert CpuMeter().read().busy_s == 63


def test_processors_this_process_may_not_use_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    zero = LinuxTimes(0, 0, 0, 0, 0, 0, 0, 0, 0)
    per_cpu = [zero._replace(user=1), zero._replace(user=10), zero._replace(user=100)]
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: per_cpu)
    monkeypatch.setattr(contamination, "allowed_cpus", lambda: frozenset({0, 2}))
    assert CpuMeter().read().busy_s == 101


def test_the_work_of_this_process_is_its_own() -> None:
    meter = CpuMeter()
    before = meter.read()
    deadline_s = time.process_time() + 0.05
    while time.process_time() < deadline_s:
        pass
    after = meter.read()
    assert after.own_s - before.own_s >= 0.05
    assert after.wall_s > before.wall_s
    assert after.busy_s >= before.busy_s
