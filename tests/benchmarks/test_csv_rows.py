from __future__ import annotations

from pathlib import Path

import csv_rows

COLUMNS = ("model", "variant", "value")


def test_rows_are_appended_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    assert csv_rows.read(path) == []
    csv_rows.append(path, COLUMNS, [{"model": "b", "variant": "fp32", "value": "1, 2"}])
    csv_rows.append(path, COLUMNS, [{"model": "A", "variant": "fp32", "value": 3}])
    assert [row["value"] for row in csv_rows.read(path)] == ["1, 2", "3"]
    assert path.read_text().count("model,variant,value") == 1


def test_the_latest_row_of_a_key_stays(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = [("b", "fp32", "old"), ("A", "int8", "x"), ("A", "fp16", "y"), ("b", "fp32", "new")]
    csv_rows.append(path, COLUMNS, [dict(zip(COLUMNS, row, strict=True)) for row in rows])
    found = csv_rows.tidied(path, COLUMNS, ("model", "variant"))
    assert [tuple(row.values()) for row in found] == [("A", "fp16", "y"), ("A", "int8", "x"), ("b", "fp32", "new")]
    assert csv_rows.read(path) == found
