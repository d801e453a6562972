from __future__ import annotations

import time

import pytest

from harness.machine.meter import CpuMeter, CpuReading, foreign_cores


def test_processor_time_beyond_this_process_is_foreign() -> None:
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
