"""A run as a history stores it."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundation.vocabulary import NATIVE
from harness.errors import HistoryError
from harness.records.directory import RESULTS_NAME
from harness.records.reader import MeasuredSeries, SeriesKey, read_run
from harness.records.run_info import FIXED_SETTINGS, RunInfo, load_run_info

_COUNTS = ("trials_count", "trials_failed_count")


@dataclasses.dataclass(frozen=True)
class RecordedSeries:
    """A row of a run."""

    measured: MeasuredSeries
    measured_at: str
    """Start of the newest trial, ISO 8601, UTC; that of the run if it has none."""
    runtime: str
    artifact_sha256: str
    cells: Mapping[str, str]
    """The whole row of results.csv, without its empty cells."""


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """A run and its rows."""

    run_id: str
    """Digest of what stays the same when a run is resumed: environment, seed, start and way of measuring."""
    created_at: str
    """Start of its first session, ISO 8601, UTC."""
    environment_id: str
    device: str
    environment: Mapping[str, Any]
    """Facts of the machine and the software."""
    conditions: Mapping[str, Any]
    """The way of measuring besides the environment: settings that shape every figure, and the reference network."""
    harness_version: str
    schema_version: int
    """Schema version of results.csv."""
    rows: tuple[RecordedSeries, ...]

    @property
    def trials_count(self) -> int:
        """Trials of all rows, failed ones included; a resumed run has more."""
        return sum(int(row.cells.get(name, "0")) for row in self.rows for name in _COUNTS)


def read_records(directory: Path) -> list[RunRecord]:
    """Reads what a history stores of a run directory: a record for each environment, as if each were a run of its own.

    Raises:
        HarnessError: this is not a run directory, is damaged, or was written with another schema version.
        HistoryError: no row is ok, or a count or a time is invalid.
    """
    infos = load_run_info(directory).apart()
    measured = read_run(directory)
    if not any(series.status == "ok" for series in measured.values()):
        first = next(iter(measured.values()))
        raise HistoryError(
            f"{directory}: no row is ok, so there is nothing to add. {first.key}: {first.status}: {first.reason}"
        )
    rows = _filled_cells(directory / RESULTS_NAME)
    records = [
        _record(
            info, [row for row in rows if len(infos) == 1 or row["environment_id"] == info.environment_id], measured
        )
        for info in infos
    ]
    return [record for record in records if any(row.measured.status == "ok" for row in record.rows)]


def _record(info: RunInfo, rows: list[dict[str, str]], measured: Mapping[SeriesKey, MeasuredSeries]) -> RunRecord:
    """The record of the rows of one environment."""
    conditions = {**{name: info.settings.get(name) for name in FIXED_SETTINGS}, "reference": info.reference_sha256}
    identity = json.dumps([info.environment_id, info.seed, info.created_at, conditions], sort_keys=True)
    return RunRecord(
        hashlib.sha256(identity.encode()).hexdigest()[:16],
        info.created_at,
        info.environment_id,
        info.device,
        info.environment,
        conditions,
        info.harness_version,
        info.schema_version,
        tuple(
            RecordedSeries(
                measured[_key(cells)],
                cells.get("measured_at", info.created_at),
                cells.get("runtime", ""),
                cells.get("artifact_sha256", ""),
                cells,
            )
            for cells in rows
        ),
    )


def _key(cells: Mapping[str, str]) -> SeriesKey:
    names = ("model", "backend", "precision", "batch")
    model, backend, precision, batch = (cells.get(name, "") for name in names)
    return SeriesKey(model, backend, precision, batch, cells.get("graph", NATIVE))


def _filled_cells(results: Path) -> list[dict[str, str]]:
    """The rows without their empty cells.

    Raises:
        HistoryError: a count or a time is invalid.
    """
    found = []
    with results.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        for row in rows:
            found.append({name: text for name, text in row.items() if text})
            wrong = next((name for name in (*_COUNTS, "measured_at") if not _readable(name, row[name])), None)
            if wrong:
                raise HistoryError(f"{results}:{rows.line_num}: {row[wrong]!r} in {wrong}. The file was edited.")
    return found


def _readable(name: str, text: str) -> bool:
    if not text or name in _COUNTS:
        return not text or text.isdecimal()
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
