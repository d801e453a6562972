"""A run: rounds of trials of every series until they suffice, each trial stored as it ends."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from harness.artifacts.converting import Say
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS
from harness.runs.prepare import PreparedRun, prepared
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


@contextlib.contextmanager
def measured(
    request: RunRequest, output: Path, cache_dir: Path, say: Say, *, resume: bool = False
) -> Iterator[tuple[PreparedRun, RunOutcome]]:
    """Measures the latency of every series that has an artifact; finished trials are on disk at every moment.

    Args:
        request: which series, and how they are measured.
        output: the run directory, new or of an earlier run to resume.
        cache_dir: where artifacts are kept.
        say: prints a line for the user.
        resume: whether there must be an earlier run in `output`.

    Returns:
        The run, whose directory is open inside the context, and how it ended.

    Raises:
        DeviceBusyError: another process measures on the device, and waiting is not wanted.
        HarnessError: see `prepared`.
        StorageError: the run directory cannot be written.
    """
    rounds = Rounds(request)
    with prepared(request, output, cache_dir, resume, say, early=rounds.first_figures) as ready:
        yield ready, _outcome(ready, by_budget=rounds.measure(ready))


def _outcome(ready: PreparedRun, *, by_budget: bool) -> RunOutcome:
    rows = ready.rows()
    ok = sum(row["status"] == "ok" for row in rows)
    return RunOutcome(ready.directory.path, ok, len(rows) - ok, by_budget)
