"""`docs/columns.md`: every column of results.csv, from the schema. `python -m reports.columns` writes it."""

from __future__ import annotations

from pathlib import Path

from harness.files.storage import replace_text
from harness.records.schema import COLUMNS, SCHEMA_VERSION, Column

DOCUMENT = Path(__file__).parent.parent / "docs" / "columns.md"

_INTRODUCTION = f"""\
# Columns of results.csv

Schema version {SCHEMA_VERSION}. Generated from `harness/records/schema.py` by `python -m reports.columns`; do not edit.

One row is a series: one artifact on one backend in one precision at one batch size, in one environment.
Text is UTF-8, an empty cell is an unknown or absent value, numbers have six significant digits. The
file is replaced as a whole after every trial, so it can be read at any moment. Every digit of every
trial is in `trials.jsonl` beside it, and every timed inference in `samples/`.

| column | type | unit | meaning | empty when |
|---|---|---|---|---|
"""


def render_columns() -> str:
    """The document as markdown."""
    return _INTRODUCTION + "".join(f"{column_line(column)}\n" for column in COLUMNS)


def column_line(column: Column) -> str:
    """A column's line in a table of the documentation."""
    return f"| `{column.name}` | {column.type} | {column.unit} | {column.description} | {column.empty_text} |"


if __name__ == "__main__":
    replace_text(DOCUMENT, render_columns())
