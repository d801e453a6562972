"""Energy of one inference, from the board's energy counter."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from harness.machine.gpu.meter import GpuMeter
from harness.machine.meter import Meter
from harness.timing.loop import Timeable, runs_that_fill

# The counter is said to advance every 20 to 100 ms, depending on driver and GPU. A counter that stands still for longer
# than this is considered dead.
_EDGE_TIMEOUT_S = 1.0

# Interval between two reads of the counter while waiting for it to advance. An edge is known to this precision; two
# such errors are 2 % of the shortest measurement.
_LOOK_S = 0.005

_EXPECTING_INFERENCES = 10


@dataclasses.dataclass(frozen=True)
class _Edge:
    """The moment the counter advanced."""

    energy_mj: int
    runs: int
    """Runs finished by then."""


def session_energy_mj(
    meter: Meter, session: Timeable, *, clock_s: Callable[[], float] = time.perf_counter
) -> float | None:
    """`energy_per_inference_mj` of a started session, with inferences back to back as in the timed blocks."""
    if not isinstance(meter, GpuMeter) or meter.energy_mj() is None:
        return None
    expecting = np.zeros(_EXPECTING_INFERENCES, dtype=np.int64)
    session.time_block(expecting, time.perf_counter_ns)
    block = np.zeros(runs_that_fill(1000 * _LOOK_S, float(np.median(expecting))), dtype=np.int64)
    return energy_per_inference_mj(
        meter,
        lambda: session.time_block(block, time.perf_counter_ns),
        inferences_per_run=len(block),
        clock_s=clock_s,
    )


def energy_per_inference_mj(
    meter: GpuMeter,
    run: Callable[[], None],
    *,
    inferences_per_run: int = 1,
    least_s: float = 0.5,
    clock_s: Callable[[], float] = time.perf_counter,
) -> float | None:
    """Millijoules of the whole board per inference, measured over at least `least_s` of inferences back to back.

    The interval runs from one advance of the counter to another, so that its coarse steps cost no accuracy: `run` is
    repeated until the counter advances, then for `least_s` without reading it, then until it advances again. The
    energy in between divided by the inferences in between includes what the board itself consumes, such as fans and
    idle memory: it is the cost of inference at the measured rate, not the difference from an idle board.

    Args:
        meter: reads the counter and the processes on the device.
        run: makes `inferences_per_run` inferences of the measured network and returns when they are done.

    Returns:
        None if the device has no counter (before Volta, a Jetson, a MIG instance), if the counter stands still, or
        if another process was on the device, whose energy would be counted too.
    """
    if meter.energy_mj() is None or meter.shared_now():
        return None
    runs = 0

    def run_for(duration_s: float) -> None:
        nonlocal runs
        end_s = clock_s() + duration_s
        while True:
            run()
            runs += 1
            if clock_s() >= end_s:
                return

    def next_edge() -> _Edge | None:
        start_mj = meter.energy_mj()
        give_up_s = clock_s() + _EDGE_TIMEOUT_S
        while clock_s() < give_up_s:
            run_for(_LOOK_S)
            now_mj = meter.energy_mj()
            if now_mj is None:
                return None
            if now_mj != start_mj:
                return _Edge(now_mj, runs)
        return None

    first = next_edge()
    if first is None:
        return None
    run_for(least_s)
    last = next_edge()
    if last is None or meter.shared_now():
        return None
    return (last.energy_mj - first.energy_mj) / ((last.runs - first.runs) * inferences_per_run)
