"""Slows a network down by a known share, to test whether a comparison detects it."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from harness.timing.loop import Timeable


class Slowed:
    """A session whose inferences each take longer by a share of their own time.

    The extra time is spent spinning, which keeps the core as busy as more arithmetic would. Only host time can be
    stretched this way.
    """

    def __init__(self, session: Timeable, percent: float, clock_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._session = session
        self._factor = 1 + percent / 100
        self._clock_ns = clock_ns

    def infer(self) -> None:
        """Runs once, then spins."""
        begin_ns = self._clock_ns()
        self._session.infer()
        until_ns = begin_ns + self._factor * (self._clock_ns() - begin_ns)
        while self._clock_ns() < until_ns:
            pass

    def time_block(self, latencies_ns: npt.NDArray[np.int64], clock_ns: Callable[[], int]) -> None:
        """Fills the array with the times of inferences, one per element."""
        for index in range(len(latencies_ns)):
            begin_ns = clock_ns()
            self.infer()
            latencies_ns[index] = clock_ns() - begin_ns
