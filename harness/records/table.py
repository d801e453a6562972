"""results.csv written and read: rows to text, and the file back to typed columns."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.vocabulary import NATIVE
from foundation.wording import listed
from harness.errors import StorageError
from harness.files.storage import explained
from harness.records.rows import Row
from harness.records.schema import (
    COLUMN_NAMES,
    COLUMNS,
    OLDEST_READABLE_VERSION,
    SCHEMA_VERSION,
    Column,
    columns_of,
)
from harness.text.wording import number_text

if TYPE_CHECKING:
    import pandas


def format_header() -> str:
    """The first line of results.csv."""
    return format_cells(COLUMN_NAMES)


def format_row(row: Row) -> str:
    """One line of results.csv."""
    return format_cells([row[name] for name in COLUMN_NAMES])


def format_cells(values: Iterable[Any]) -> str:
    """One line of a CSV; None is an empty cell."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([_cell(value) for value in values])
    return buffer.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return number_text(value)
    return str(value)


def load_rows(path: Path) -> pandas.DataFrame:
    """Reads results.csv with a type for each column.

    Text cells are strings, empty if there is no value; integers are `Int64` and numbers `float64`
    with NA and NaN; times are timestamps in UTC. A column that a file of an older version lacks is empty; `graph`
    is native there.

    Raises:
        StorageError: the file is missing, is not a results.csv or has another schema version.
    """
    if not path.is_file():
        raise StorageError(f"{path} is not there; give the directory of a run, or its results.csv")
    try:
        with explained(path):
            text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StorageError(f"{path} is not a text file. Give the results.csv of a run.") from error
    columns = _columns_of_file(path, text)
    try:
        frame = typed_frame(text, columns)
        _check_version(path, frame, columns)
    except (ValueError, TypeError) as error:
        raise StorageError(
            f"{path}{_damaged_line(text, columns)} is damaged ({error}). Repeat the run's command: it rebuilds the "
            "file from trials.jsonl."
        ) from error
    return _with_added_columns(frame)


def _damaged_line(text: str, columns: Sequence[Column]) -> str:
    """`:7` for the first line with a wrong number of cells or with text instead of a number; empty if there is none."""
    lines = csv.reader(io.StringIO(text))
    next(lines)
    for cells in lines:
        if len(cells) != len(columns) or not all(map(_is_of_its_type, columns, cells)):
            return f":{lines.line_num}"
    return ""


def _is_of_its_type(column: Column, cell: str) -> bool:
    if not cell or column.type in ("text", "time"):
        return True
    try:
        number = float(cell)
    except ValueError:
        return False
    return number.is_integer() if column.type == "integer" else not math.isnan(number)


def typed_frame(text: str, columns: Sequence[Column]) -> pandas.DataFrame:
    """The content of a CSV with exactly these columns, typed as `load_rows` describes."""
    import pandas

    frame = pandas.read_csv(
        io.StringIO(text),
        dtype={column.name: _DTYPES[column.type] for column in columns},
        # A model may be called "None" or "NA": in text columns only an empty cell is a missing value.
        keep_default_na=False,
        na_values={column.name: [""] for column in columns if column.type not in ("text", "time")},
    )
    for column in columns:
        if column.type == "time":
            frame[column.name] = pandas.to_datetime(frame[column.name], utc=True, format="ISO8601")
    return frame


_DTYPES: dict[str, Any] = {"text": str, "time": str, "integer": "Int64", "number": "float64"}


def _columns_of_file(path: Path, text: str) -> tuple[Column, ...]:
    """The columns of the newest readable schema version that has exactly those of the file."""
    lines = csv.reader(io.StringIO(text))
    header, first = next(lines, []), next(lines, [])
    for version in range(SCHEMA_VERSION, OLDEST_READABLE_VERSION - 1, -1):
        columns = columns_of(version)
        if header == [column.name for column in columns]:
            return columns
    missing = [name for name in COLUMN_NAMES if name not in header]
    unknown = [name for name in header if name not in COLUMN_NAMES]
    written = dict(zip(header, first, strict=False)).get("schema_version", "")
    told = f" (it has those of {written})" if written else ""
    raise StorageError(
        f"{path} does not have the columns of schema version {SCHEMA_VERSION}{told}: "
        f"missing {listed(missing) or 'none'}; unknown {listed(unknown) or 'none'}. Give the results.csv of a run, "
        "read it with the version that wrote it, or measure again with another --output."
    )


def _check_version(path: Path, frame: pandas.DataFrame, columns: tuple[Column, ...]) -> None:
    versions = sorted(int(version) for version in frame["schema_version"].unique())
    if any(
        not OLDEST_READABLE_VERSION <= version <= SCHEMA_VERSION or columns_of(version) != columns
        for version in versions
    ):
        raise StorageError(
            f"{path} has rows of schema version {', '.join(map(str, versions))}; this version reads "
            f"{OLDEST_READABLE_VERSION} to {SCHEMA_VERSION}. Read it with the version that wrote it, or measure again."
        )


def _with_added_columns(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The rows with every column; those that their version lacked are empty, and their graphs native."""
    import pandas

    lacking = {column.name: column.type for column in COLUMNS if column.name not in frame}
    empty = {
        name: pandas.Series("" if type_ == "text" else None, index=frame.index, dtype=_DTYPES[type_])
        for name, type_ in lacking.items()
    }
    if "graph" in empty:
        empty["graph"] = empty["graph"].replace("", NATIVE)
    return frame.assign(**empty)[list(COLUMN_NAMES)]
