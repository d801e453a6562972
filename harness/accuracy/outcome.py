"""How an evaluation ended."""

from __future__ import annotations

import dataclasses

from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS
from harness.wording import counted


@dataclasses.dataclass(frozen=True)
class AccuracyOutcome:
    """Numbers of series."""

    measured: int
    not_measured: int

    @property
    def exit_code(self) -> int:
        """Exit code of the command line."""
        return EXIT_FAILED_ROWS if self.not_measured else EXIT_SUCCESS

    def text(self) -> str:
        """In words."""
        told = f"{counted(self.measured, 'row')} with a measured accuracy"
        return f"{told}, {self.not_measured} without: see accuracy_measured_reason" if self.not_measured else told
