"""The measuring loop of a trial: warm-up, then alternating short blocks of two sessions.

Nothing but inference happens inside a block: times go into preallocated arrays, the garbage
collector is off, and processor counters are read between groups of blocks.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np

from foundation.garbage import collector_off
from foundation.units import NANOSECONDS_PER_MILLISECOND
from harness.machine.meter import Meter
from harness.timing.samples import GROUP_ORDER, Block
from harness.timing.settings import TimingSettings

if TYPE_CHECKING:
    import numpy.typing as npt


class Timeable(Protocol):
    """What the loop needs from a session."""

    def infer(self) -> None:
        """Runs once."""

    def time_block(self, latencies_ns: npt.NDArray[np.int64], clock_ns: Callable[[], int]) -> None:
        """Fills the array with the times of inferences, one per element."""


def measure(
    measured: Timeable,
    reference: Timeable,
    settings: TimingSettings,
    *,
    meter: Meter,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
) -> list[Block]:
    """Warms both sessions up, times them in ABBA groups, and returns the blocks of all groups.

    Groups are added until `settings.groups` of them are uncontaminated or
    `settings.max_repeats` have been repeated.
    """
    sessions = (measured, reference)
    with garbage_collector_off():
        latencies_ns = [warm_up(session, settings, clock_ns) for session in sessions]
        blocks: list[Block] = []
        clean_count = 0
        for group in range(settings.groups + settings.max_repeats):
            added = time_group(sessions, latencies_ns, group, settings, meter, clock_ns)
            blocks += added
            clean_count += not added[0].contaminated
            if clean_count == settings.groups:
                break
    return blocks


def warm_up(session: Timeable, settings: TimingSettings, clock_ns: Callable[[], int]) -> float:
    """Runs the session for the settings' time and runs; returns the median latency in ns of the second half.

    The inference made when the session was started counts as one of the runs.
    """
    latencies_ns: list[int] = []
    begin_ns = now_ns = clock_ns()
    least_runs = max(1, settings.warmup_min_runs - 1)
    while len(latencies_ns) < least_runs or now_ns - begin_ns < settings.warmup_s * 1e9:
        before_ns = now_ns
        session.infer()
        now_ns = clock_ns()
        latencies_ns.append(now_ns - before_ns)
    return float(np.median(latencies_ns[len(latencies_ns) // 2 :]))


def runs_that_fill(duration_ms: float, latency_ns: float) -> int:
    """Number of inferences of this latency that fill the duration, at least one."""
    return max(1, round(duration_ms * NANOSECONDS_PER_MILLISECOND / max(latency_ns, 1.0)))


def settling_runs(settings: TimingSettings, latency_ns: float) -> int:
    """Number of untimed inferences after a switch of sessions.

    At least one, but zero for a network whose single inference fills a block: for such a network refilling the caches
    is negligible, and a run at every switch would double the time of the trial.
    """
    if latency_ns >= settings.block_ms * NANOSECONDS_PER_MILLISECOND:
        return 0
    return runs_that_fill(settings.settle_ms, latency_ns)


def time_group(
    sessions: tuple[Timeable, Timeable],
    expected_ns: list[float],
    group: int,
    settings: TimingSettings,
    meter: Meter,
    clock_ns: Callable[[], int],
) -> list[Block]:
    """Times the four blocks of one group and judges whether other processes disturbed it.

    `expected_ns` are the sessions' latencies, which determine the lengths of the blocks. After a switch the caches hold
    the other session's data, so the first inferences are not timed (`settling_runs`; measured in docs/evidence.md).
    """
    arrays = [
        np.zeros(runs_that_fill(settings.block_ms, expected_ns[session]), dtype=np.int64) for session in GROUP_ORDER
    ]
    starts_ns: list[int] = []
    before = meter.read()
    previous = None
    for session, latencies_ns in zip(GROUP_ORDER, arrays, strict=True):
        if session != previous:
            for _ in range(settling_runs(settings, expected_ns[session])):
                sessions[session].infer()
        previous = session
        starts_ns.append(clock_ns())
        sessions[session].time_block(latencies_ns, clock_ns)
    found = meter.judge(before, meter.read(), settings.foreign_cpu_limit)
    return [
        Block(session, group, start_ns, latencies_ns, found.foreign_cores, found.contaminated, found.reasons)
        for session, start_ns, latencies_ns in zip(GROUP_ORDER, starts_ns, arrays, strict=True)
    ]


@contextlib.contextmanager
def garbage_collector_off() -> Iterator[None]:
    """Collects once, then keeps the collector off inside the context."""
    gc.collect()
    with collector_off():
        yield
