"""A run: rounds of trials of every series until they suffice, each trial stored as it ends."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS
from harness.runs.plan import measurable
from harness.runs.prepare import PreparedRun
from harness.runs.request import RunRequest
from harness.runs.rounds import Rounds


@dataclasses.dataclass(frozen=True)
class RunOutcome:
    """How a run ended."""

    output: Path
    rows_ok: int
    rows_not_ok: int
    stopped_by_budget: bool

    @property
    def exit_code(self) -> int:
        """Exit code of the command line."""
        return EXIT_FAILED_ROWS if self.rows_not_ok else EXIT_SUCCESS


def measure(ready: PreparedRun, request: RunRequest) -> RunOutcome:
    """Measures the latency of every series that has an artifact; finished trials are on disk at every moment.

    Raises:
        StorageError: the run directory cannot be written.
    """
    by_budget = Rounds(request, ready).measure(measurable(ready.series))
    rows = ready.rows()
    ok = sum(row["status"] == "ok" for row in rows)
    return RunOutcome(ready.directory.path, ok, len(rows) - ok, by_budget)
