"""When a cell of a row may be empty: in words for the documentation, and as a rule if the row decides it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class RowState:
    """The facts that decide which cells of a row may be empty."""

    trials_ok_count: int = 0
    trials_failed_count: int = 0
    has_artifact: bool = False
    on_gpu: bool = False
    """Whether any ok trial ran on a GPU."""
    accuracy_asked: bool = False
    """Whether the series was evaluated, with or without success."""
    accuracy_measured: bool = False
    top5_measured: bool = False
    top1_published: bool = False
    classes_covered: bool = True
    """Whether the images of the accuracy have all classes of the network."""

    @property
    def ok(self) -> bool:
        """Whether the row's status is `ok`."""
        return self.trials_ok_count > 0


@dataclasses.dataclass(frozen=True)
class Absence:
    """A reason why a cell may be empty."""

    text: str
    """As shown under `empty when` in docs/columns.md."""
    holds: Callable[[RowState], bool] | None = None
    """Whether it holds for a row; None if only the data can say, such as what a release states."""

    def may_hold(self, state: RowState) -> bool:
        """Whether the cell may be empty for this reason."""
        return self.holds is None or self.holds(state)
