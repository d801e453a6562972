"""Whether other processes used the processor while something was being timed."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import psutil

# psutil's fields of time spent working. `guest` is part of `user` already; `steal` is what the
# hypervisor gave to other machines. Not every system has every field.
_BUSY_FIELDS = ("user", "nice", "system", "irq", "softirq", "steal")


@dataclasses.dataclass(frozen=True)
class CpuReading:
    """Counters at one moment, all in seconds."""

    wall_s: float
    busy_s: float
    """Time that the processors this process may use spent working, stolen time included."""
    own_s: float
    """Processor time of this process, all threads."""


@dataclasses.dataclass(frozen=True)
class Disturbance:
    """What others did to a group of blocks."""

    foreign_cores: float
    """Cores that other processes used on average."""
    contaminated: bool
    """Whether the group's times are not to be trusted."""
    reasons: tuple[str, ...] = ()
    """Why not, as in `thermal throttling`."""


class CpuMeter:
    """Reads the processor counters; a reading takes well below a millisecond.

    The system's counters advance in ticks, of 10 ms on Linux. Over a group of a fifth of a second on two
    cores a tick is 0.05 cores, over a block of 40 ms it would be 0.25: so groups are judged, not blocks.
    """

    def __init__(self) -> None:
        self._allowed = allowed_cpus()

    def read(self) -> CpuReading:
        """The counters now."""
        per_cpu = psutil.cpu_times(percpu=True)
        busy_s = sum(
            getattr(times, field, 0.0)
            for index, times in enumerate(per_cpu)
            if self._allowed is None or index in self._allowed
            for field in _BUSY_FIELDS
        )
        return CpuReading(wall_s=time.perf_counter(), busy_s=busy_s, own_s=time.process_time())

    def judge(self, before: CpuReading, after: CpuReading, limit_cores: float) -> Disturbance:
        """What happened between two readings; contaminated where others used more than `limit_cores`."""
        foreign = foreign_cores(before, after)
        if foreign <= limit_cores:
            return Disturbance(foreign, False)
        return Disturbance(foreign, True, ("other processes on the processor",))

    def summary(self) -> dict[str, Any]:
        """Nothing beside the judgements."""
        return {}


def allowed_cpus() -> frozenset[int] | None:
    """Indices of the logical processors this process may run on; None where the system does not say."""
    try:
        return frozenset(psutil.Process().cpu_affinity())
    except AttributeError:  # macOS has no affinity.
        return None


def foreign_cores(before: CpuReading, after: CpuReading) -> float:
    """Cores that others used on average between two readings."""
    wall_s = after.wall_s - before.wall_s
    if wall_s <= 0:
        return 0.0
    foreign_s = (after.busy_s - before.busy_s) - (after.own_s - before.own_s)
    return max(0.0, foreign_s / wall_s)
