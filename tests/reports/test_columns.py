"""`docs/columns.md` follows the schema."""

from __future__ import annotations

from harness.schema import COLUMNS
from reports.columns import DOCUMENT, render_columns


def test_the_committed_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render_columns(), "run: python -m reports.columns"


def test_every_column_has_a_line_of_five_cells() -> None:
    lines = [line for line in render_columns().splitlines() if line.startswith("| `")]
    assert [line.split("`")[1] for line in lines] == [column.name for column in COLUMNS]
    assert {line.count(" | ") for line in lines} == {4}
