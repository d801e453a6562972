"""The conditions of the figures, as markdown: what is said of rows, and what their networks were fed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.text.tables import table, whole_cell
from reports.records import records
from reports.text import code

if TYPE_CHECKING:
    import pandas

_NAMED_MAX = 5
"""Rows that are named for a condition; of the others only the number is given."""

_TEXTS = {
    "warnings": "{}",
    "inputs": "Latency: the inputs held {}",
    "accuracy_preprocessing": "Accuracy: images prepared by {}",
}
"""Columns that hold conditions, and how they are introduced."""


def conditions_section(rows: pandas.DataFrame) -> list[str]:
    """Parts of the report; empty if no row has a condition to tell.

    Args:
        rows: rows of one environment, whatever their status.
    """
    lines = [line for column, text in _TEXTS.items() for line in _lines(rows, column, text)]
    return ["### Conditions of the figures\n", table(("condition", "rows"), lines)] if lines else []


def _lines(rows: pandas.DataFrame, column: str, text: str) -> Iterator[tuple[str, str]]:
    several = rows["precision"].nunique() > 1
    for value, members in rows[rows[column] != ""].groupby(column, sort=False):
        names = list(
            dict.fromkeys(
                f"{code(row['model'])} {row['precision']}" if several else code(row["model"])
                for row in records(members)
            )
        )
        more = len(names) - _NAMED_MAX
        told = ", ".join(names[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
        yield whole_cell(text.format(value)), told
