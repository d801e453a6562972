"""results.csv written and read back."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import StorageError
from harness.records.schema import COLUMNS, OLDEST_READABLE_VERSION, SCHEMA_VERSION, Column, columns_of
from harness.records.table import format_cells, format_header, format_row, load_rows

_TIME = "2026-01-31T12:00:00+00:00"
# Names that a user may give a model; pandas would read some of them as missing.
_TEXT = st.one_of(
    st.sampled_from(["", "NA", "None", "nan", "1e5", 'a "quoted", name', "µ|*_<", "\nline", "-inf"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"])),
)


def _values(column: Column) -> st.SearchStrategy[Any]:
    if column.name == "schema_version":
        return st.just(SCHEMA_VERSION)
    numbers = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
    return {
        "text": st.one_of(st.none(), _TEXT),
        "time": st.one_of(st.none(), st.just(_TIME)),
        "integer": st.one_of(st.none(), st.integers(-(2**62), 2**62)),
        "number": st.one_of(st.none(), numbers),
    }[column.type]


_ROWS = st.fixed_dictionaries({column.name: _values(column) for column in COLUMNS})


@given(st.lists(_ROWS, min_size=1, max_size=3))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    path = tmp_path_factory.mktemp("table") / "results.csv"
    path.write_text(format_header() + "".join(format_row(row) for row in rows), encoding="utf-8")
    frame = load_rows(path)
    assert len(frame) == len(rows)
    for column in COLUMNS:
        for written, read in zip([row[column.name] for row in rows], frame[column.name], strict=True):
            if column.type == "text":
                assert read == (written or "")
            elif written is None:
                assert pandas.isna(read)
            elif column.type == "number":
                assert math.isclose(read, written, rel_tol=5e-6)
            elif column.type == "time":
                assert read == pandas.Timestamp(written)
            else:
                assert read == written


def _row(**values: Any) -> dict[str, Any]:
    empty = dict.fromkeys((column.name for column in COLUMNS), None)
    return {**empty, "schema_version": SCHEMA_VERSION, **values}


def test_columns_have_their_types_even_if_all_cells_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text(format_header() + format_row(_row()))
    frame = load_rows(path)
    assert frame["macs"].dtype == "Int64"
    assert frame["latency_median_ms"].dtype == "float64"
    assert isinstance(frame["measured_at"].dtype, pandas.DatetimeTZDtype)
    assert frame["reason"].to_list() == [""]


def test_a_table_without_rows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text(format_header())
    assert load_rows(path).empty


def test_numbers_have_six_digits_and_counts_all() -> None:
    line = format_row(_row(latency_median_ms=1.23456789, macs=37745884192, run_seed=7))
    assert ",1.23457," in line
    assert ",37745884192," in line


def test_another_file_is_refused_by_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text(format_header().replace("latency_median_ms", "latency") + format_row(_row()))
    with pytest.raises(StorageError, match="missing latency_median_ms; unknown latency"):
        load_rows(path)


def test_rows_of_another_schema_version_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text(format_header() + format_row(_row(schema_version=SCHEMA_VERSION + 1)))
    with pytest.raises(StorageError, match=f"schema version {SCHEMA_VERSION + 1}; this version reads"):
        load_rows(path)


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"results\.csv"):
        load_rows(tmp_path / "results.csv")


def test_a_file_of_an_earlier_version_is_refused_with_its_version(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("model,weights,schema_version\nregnet/RegNetX-200MF,probe,2\n", encoding="utf-8")
    with pytest.raises(
        StorageError,
        match=rf"columns of schema version {SCHEMA_VERSION} \(it has those of 2\): missing source, .* and \d+ more",
    ):
        load_rows(path)


def test_rows_of_the_version_before_are_read_with_empty_added_cells(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    row = _row(schema_version=OLDEST_READABLE_VERSION)
    columns = columns_of(OLDEST_READABLE_VERSION)
    path.write_text(format_cells([c.name for c in columns]) + format_cells([row[c.name] for c in columns]))
    frame = load_rows(path)
    assert list(frame.columns) == [column.name for column in COLUMNS]
    assert frame["measured_as"].to_list() == [""]
    assert frame["schema_version"].to_list() == [OLDEST_READABLE_VERSION]


def test_a_version_does_not_have_the_columns_of_another(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text(format_header() + format_row(_row(schema_version=OLDEST_READABLE_VERSION)))
    with pytest.raises(StorageError, match=f"has rows of schema version {OLDEST_READABLE_VERSION}"):
        load_rows(path)
