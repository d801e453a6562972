"""Measures how much other processes used the processor while something was being timed."""

from __future__ import annotations

import dataclasses
import time
from typing import Any, Protocol

from harness.machine import processor


@dataclasses.dataclass(frozen=True)
class CpuReading:
    """Counters at one moment, all in seconds."""

    wall_s: float
    busy_s: float
    """Time that the processors available to this process spent working, stolen time included."""
    own_s: float
    """Processor time of all threads of this process."""


@dataclasses.dataclass(frozen=True)
class Disturbance:
    """Effect of other processes on a group of blocks."""

    foreign_cores: float
    """Cores that other processes used on average."""
    contaminated: bool
    """Whether the group's times are unreliable."""
    reasons: tuple[str, ...] = ()
    """Why they are unreliable, as in `thermal throttling`."""


class CpuMeter:
    """Reads the processor counters; a reading takes well below a millisecond.

    The system's counters advance in ticks of 10 ms on Linux. Over a group of a fifth of a second on two
    cores a tick is 0.05 cores, but over a block of 40 ms it would be 0.25; so groups are judged, not blocks.
    """

    def __init__(self) -> None:
        self._allowed = processor.allowed_cpus()

    def read(self) -> CpuReading:
        """Returns the current counters."""
        busy_s = processor.busy_s(self._allowed)
        return CpuReading(wall_s=time.perf_counter(), busy_s=busy_s, own_s=time.process_time())

    def judge(self, before: CpuReading, after: CpuReading, limit_cores: float) -> Disturbance:
        """Judges the time between two readings: contaminated if other processes used more than `limit_cores`."""
        foreign = foreign_cores(before, after)
        if foreign <= limit_cores:
            return Disturbance(foreign, False)
        return Disturbance(foreign, True, ("other processes on the processor",))

    def summary(self) -> dict[str, Any]:
        """Returns an empty dictionary: this meter has no figures besides the judgements."""
        return {}


def foreign_cores(before: CpuReading, after: CpuReading) -> float:
    """Cores that other processes used on average between two readings."""
    wall_s = after.wall_s - before.wall_s
    if wall_s <= 0:
        return 0.0
    foreign_s = (after.busy_s - before.busy_s) - (after.own_s - before.own_s)
    return max(0.0, foreign_s / wall_s)


class Meter(Protocol):
    """Reports what other processes did while a group was timed, as `harness.machine.meter.CpuMeter` does."""

    def read(self) -> Any:
        """Returns the current counters, in a form that is private to the meter."""

    def judge(self, before: Any, after: Any, limit_cores: float) -> Disturbance:
        """Judges the time between two readings."""

    def summary(self) -> dict[str, Any]:
        """Returns the fields of `harness.machine.gpu.figures.GpuFigures` that come from all readings so far."""
