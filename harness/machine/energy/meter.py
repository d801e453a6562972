"""What a meter of the energy of a machine's part does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class EnergyMeter(Protocol):
    """Measures the energy of a part of the machine, whichever processes use it, what it consumes when idle included."""

    @property
    def figure(self) -> str:
        """Field of `harness.processes.trial.TrialResult`, and column, of the energy that it measures."""

    @property
    def source(self) -> str:
        """The counter or sensor in words, as in `RAPL package-0`."""

    @property
    def lead_s(self) -> float:
        """Seconds of the same work that must precede `energy_mj`, because the readings lag behind."""

    def energy_mj(self, run: Callable[[], float]) -> float | None:
        """Millijoules that were consumed while `run`, which returns its duration in seconds, was running.

        None if the meter could not be read, or stood still.
        """
