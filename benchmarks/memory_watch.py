"""The largest memory of a process and its children together."""

from __future__ import annotations

import contextlib
import threading

import psutil

from foundation.units import BYTES_PER_MIB

EVERY_S = 2.0


class MemoryWatch:
    """Largest memory of a process and its children together; pages that they share count once."""

    def __init__(self, pid: int) -> None:
        """Begins to watch a process."""
        self.peak_mib = 0.0
        self._root = psutil.Process(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_S):
            self.peak_mib = max(self.peak_mib, self._now_mib())

    def _now_mib(self) -> float:
        total = 0
        with contextlib.suppress(psutil.Error):
            for process in (self._root, *self._root.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += process.memory_full_info().pss
        return total / BYTES_PER_MIB

    def end(self) -> float:
        """Ends the watch; returns the largest memory in MiB."""
        self._ended.set()
        self._thread.join()
        return self.peak_mib
