"""The process of the next trial, which starts while that of the present one ends.

A trial of a small network spends a tenth of its time or more on starting an interpreter with its imports, and as much
on storing and ending. Neither is measured, so they may overlap. The process that waits has imported what it needs and
has read nothing; each process still makes one trial.
"""

from __future__ import annotations

import contextlib
import subprocess
from types import TracebackType

from harness.processes.launcher import padded_environment, python_command
from harness.processes.process_group import kill_group, start_group


class Successor:
    """At most one process that waits for its question; a context manager, which kills it."""

    def __init__(self, module: str) -> None:
        """Starts nothing yet.

        Args:
            module: what the processes run, which reads the paths of its question and its answer from standard input.
        """
        self._module = module
        self._waiting: subprocess.Popen[str] | None = None

    def prepare(self) -> None:
        """Starts the process, unless one waits already; the next trial starts its own if that is not possible now."""
        if self._waiting is None:
            with contextlib.suppress(OSError):
                self._waiting = start_group(python_command(self._module), padded_environment(), asked=True)

    def take(self) -> subprocess.Popen[str] | None:
        """The process that waits, which is the caller's from now on; None if there is none, or it ended."""
        process, self._waiting = self._waiting, None
        if process is None or process.poll() is None:
            return process
        _close(process)
        return None

    def __enter__(self) -> Successor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._waiting = self._waiting, None
        if process is not None:
            kill_group(process)
            process.wait()
            _close(process)


def _close(process: subprocess.Popen[str]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
