"""Energy of one inference, from the counters and sensors that the system reports in files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np

from foundation.units import NANOSECONDS_PER_MILLISECOND
from harness.machine.energy.meter import EnergyMeter
from harness.timing.loop import Timeable, runs_that_fill

# A counter that advances every millisecond is read at both ends: an error of at most 1 %. A sensor is sampled 20 times.
_LEAST_S = 0.2

# Inferences between two readings of the clock.
_BLOCK_MS = 10.0


def energies_mj(
    meters: Iterable[EnergyMeter],
    session: Timeable,
    latency_ms: float,
    *,
    clock_s: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """The energy of one inference by each meter's figure; without those of meters that could not be read.

    Args:
        meters: each adds a quarter of a second, or as many inferences as begin in it.
        session: a started session; its inferences run back to back as in the timed blocks.
        latency_ms: of one inference, by which blocks are made as long as the clock's readings need to be rare.
        clock_s: reads a clock, in seconds.
    """
    measured = {meter.figure: _energy_mj(meter, session, latency_ms, clock_s) for meter in meters}
    return {figure: energy_mj for figure, energy_mj in measured.items() if energy_mj is not None}


def _energy_mj(meter: EnergyMeter, session: Timeable, latency_ms: float, clock_s: Callable[[], float]) -> float | None:
    block = np.zeros(runs_that_fill(_BLOCK_MS, latency_ms * NANOSECONDS_PER_MILLISECOND), dtype=np.int64)
    blocks_count = 0

    def run_for(duration_s: float) -> float:
        """Runs blocks until at least the duration has passed; returns the seconds that it took."""
        nonlocal blocks_count
        begin_s = clock_s()
        blocks_count = 0
        while (elapsed_s := clock_s() - begin_s) < duration_s:
            session.time_block(block, time.perf_counter_ns)
            blocks_count += 1
        return elapsed_s

    run_for(meter.lead_s)
    energy_mj = meter.energy_mj(lambda: run_for(_LEAST_S))
    return None if energy_mj is None else energy_mj / (blocks_count * len(block))
