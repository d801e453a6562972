"""Samples a sensor while something else runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType


class Sampling:
    """Reads a sensor at a steady interval from entering the context until leaving it, at least once.

    A thread does it, so that a reading does not wait for an inference to end: those of a slow network would all be of
    its last layers.
    """

    def __init__(self, read: Callable[[], float], interval_s: float) -> None:
        """Prepares the thread.

        Args:
            read: reads the sensor; an OSError or ValueError ends the sampling.
            interval_s: seconds between two readings.
        """
        self.values: list[float] = []
        self._read = read
        self._interval_s = interval_s
        self._failed = False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    @property
    def complete(self) -> bool:
        """Whether every reading succeeded."""
        return not self._failed

    def __enter__(self) -> Sampling:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _sample(self) -> None:
        try:
            self.values.append(self._read())
            while not self._end.wait(self._interval_s):
                self.values.append(self._read())
        except (OSError, ValueError):
            self._failed = True
