"""Rows of a table as plain dictionaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas


def records(rows: pandas.DataFrame) -> list[dict[str, Any]]:
    """The rows with None for every missing value."""
    return [
        {str(name): value for name, value in record.items()}
        for record in rows.astype(object).where(rows.notna(), None).to_dict("records")
    ]
