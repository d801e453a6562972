"""`docs/columns.md` and the table in `docs/profile.md` follow the schemas."""

from __future__ import annotations

from harness.records import profile_table
from harness.records.schema import COLUMNS
from reports.columns import DOCUMENT, column_line, render_columns


def test_the_committed_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render_columns(), "run: python -m reports.columns"


def test_every_column_has_a_line_of_five_cells() -> None:
    lines = [line for line in render_columns().splitlines() if line.startswith("| `")]
    assert [line.split("`")[1] for line in lines] == [column.name for column in COLUMNS]
    assert {line.count(" | ") for line in lines} == {4}


def test_the_document_of_profiles_has_every_column_in_order() -> None:
    text = (DOCUMENT.parent / "profile.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    assert lines == [column_line(column) for column in profile_table.COLUMNS]
