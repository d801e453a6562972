"""How often a control group's quota paused this process while something was being timed."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.machine.linux_facts import LinuxFacts, Throttling


class QuotaMeter:
    """Counts from its creation on."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Reads the counters below `root`, which is `/` except in tests."""
        self._facts = LinuxFacts(root) if sys.platform == "linux" else None
        self._before = self._facts.throttling() if self._facts else {}

    def throttling(self) -> Throttling | None:
        """Returns the periods since then of the control group that was paused most often; None without a quota."""
        after = self._facts.throttling() if self._facts else {}
        none = Throttling(0, 0)
        since = [
            Throttling(count.periods - before.periods, count.throttled - before.throttled)
            for folder, count in after.items()
            for before in (self._before.get(folder, none),)
        ]
        return max(since, key=lambda one: (one.throttled, one.periods), default=None)
