"""Rows of a table as plain dictionaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas


def records(rows: pandas.DataFrame) -> list[dict[str, Any]]:
    """The rows with None for every missing value."""
    names = [str(name) for name in rows.columns]
    # Column by column: pandas takes many times as long to take a mixed table apart by rows.
    columns = [
        [None if missing else value for value, missing in zip(column.tolist(), column.isna().tolist(), strict=True)]
        for _, column in rows.items()
    ]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
