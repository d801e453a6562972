"""Reads from results.csv what a comparison needs; errors name the line."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from foundation.vocabulary import GRAPHS, NATIVE
from harness.errors import ComparisonError
from harness.records.directory import RESULTS_NAME
from harness.records.schema import OLDEST_READABLE_VERSION, SCHEMA_VERSION

_TEXTS = ("model", "backend", "precision", "batch", "status", "reason", "environment_id", "device", "latency_kind")
_TRIALS = ("latency_trials_ms", "ratio_trials", "reference_trials_ms")
_NEEDED = (*_TEXTS, *_TRIALS, "schema_version")
_GRAPH = "graph"
"""Column that files of an older readable schema version lack; their graphs are native."""
_LATER = ("measured_as", "inputs", "inputs_sha256", "custom_operators_sha256")
"""Columns that files of an older readable schema version lack."""


@dataclasses.dataclass(frozen=True)
class SeriesKey:
    """What makes rows of two runs the same series; artifact and weights may differ, as that is what is compared."""

    model: str
    backend: str
    precision: str
    batch: str
    graph: str = NATIVE

    def __str__(self) -> str:
        graph = "" if self.graph == NATIVE else f" {self.graph}"
        told = f"{self.model} ({self.backend}, {self.precision}{graph}"
        return f"{told})" if self.batch == "1" else f"{told}, batch {self.batch})"


@dataclasses.dataclass(frozen=True)
class MeasuredSeries:
    """One row of a run; its trials are tuples of equal length, empty if the status is not `ok`."""

    key: SeriesKey
    status: str
    reason: str
    environment_id: str
    device: str
    latency_kind: str
    latencies_ms: tuple[float, ...]
    ratios: tuple[float, ...]
    """Latency of each trial divided by that of the reference network in the same trial."""
    references_ms: tuple[float, ...]
    measured_as: str = ""
    """Model whose trials these are; empty if they are its own."""
    inputs: str = ""
    """What its inputs held, as in the column of that name."""
    inputs_sha256: str = ""
    custom_operators_sha256: str = ""
    measured_graph: str = ""
    """Graph of the series whose trials these are; empty if they are its own."""

    @property
    def held(self) -> str:
        """What its inputs held, by content; only series whose inputs held the same are compared."""
        return self.inputs_sha256 or self.inputs

    @property
    def measured_key(self) -> SeriesKey:
        """The series of the run whose trials these are."""
        return dataclasses.replace(
            self.key, model=self.measured_as or self.key.model, graph=self.measured_graph or self.key.graph
        )


def read_run(path: Path) -> dict[SeriesKey, MeasuredSeries]:
    """The series of a run.

    Args:
        path: a run directory, or its results.csv.

    Raises:
        ComparisonError: the file cannot be used; the message names file and line.
    """
    file = path / RESULTS_NAME if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ComparisonError(f"{file}: {error.strerror}. Give a run directory, or its {RESULTS_NAME}.") from error
    except UnicodeDecodeError as error:
        raise ComparisonError(f"{file}: not a text file. Give a run directory, or its {RESULTS_NAME}.") from error
    rows = _lines(file, text)
    columns = _columns(file, next(rows, (1, []))[1])
    found: dict[SeriesKey, MeasuredSeries] = {}
    lines: dict[SeriesKey, int] = {}
    for line, cells in rows:
        series = _series(file, line, columns, cells)
        if series.key in found:
            raise ComparisonError(
                f"{file}:{line}: {series.key} appears twice, first in line {lines[series.key]}. Its artifact, "
                "or what its inputs held, changed during the run; measure each version in its own directory."
            )
        found[series.key], lines[series.key] = series, line
    if not found:
        raise ComparisonError(f"{file}: no rows. Measure something first: python -m harness run.")
    return {key: _with_graph_of_owner(series, found) for key, series in found.items()}


def _with_graph_of_owner(series: MeasuredSeries, run: Mapping[SeriesKey, MeasuredSeries]) -> MeasuredSeries:
    """The series with the graph whose trials it shows: a fused graph with nothing to fuse is the native file."""
    if not series.measured_as:
        return series
    for graph in GRAPHS:
        owner = run.get(dataclasses.replace(series.key, model=series.measured_as, graph=graph))
        if owner is not None and not owner.measured_as and owner.latencies_ms == series.latencies_ms:
            return dataclasses.replace(series, measured_graph=graph)
    return series


def _lines(file: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row with the number of its last line.

    Raises:
        ComparisonError: the file contains NUL bytes, as after a power failure, or a cell is not terminated.
    """
    rows = csv.reader(io.StringIO(text))
    try:
        for cells in rows:
            if any("\0" in cell for cell in cells):
                raise csv.Error("line contains NUL")
            yield rows.line_num, cells
    except csv.Error as error:
        raise ComparisonError(
            f"{file}:{rows.line_num}: {error}. The file is damaged; repeat the run's command: it rebuilds the file "
            "from trials.jsonl."
        ) from error


def _columns(file: Path, header: list[str]) -> dict[str, int]:
    missing = [name for name in _NEEDED if name not in header]
    if len(missing) == len(_NEEDED):
        raise ComparisonError(f"{file}:1: not a {RESULTS_NAME}. Give a run directory, or its {RESULTS_NAME}.")
    if missing:
        raise ComparisonError(
            f"{file}:1: no column {', '.join(missing)}. Another version of the harness wrote it, or it was edited; "
            f"this version reads schema version {SCHEMA_VERSION}. Measure again."
        )
    return {name: header.index(name) for name in (*_NEEDED, _GRAPH, *_LATER) if name in header}


def _series(file: Path, line: int, columns: dict[str, int], cells: list[str]) -> MeasuredSeries:
    if len(cells) <= max(columns.values()):
        raise ComparisonError(f"{file}:{line}: {len(cells)} cells, fewer than in the header. The file is truncated.")
    row = {name: cells[position] for name, position in columns.items()}
    if row["schema_version"] not in map(str, range(OLDEST_READABLE_VERSION, SCHEMA_VERSION + 1)):
        raise ComparisonError(
            f"{file}:{line}: schema version {row['schema_version']!r}, but this version of the harness reads "
            f"{OLDEST_READABLE_VERSION} to {SCHEMA_VERSION}. Measure again with this version."
        )
    trials = {name: _numbers(file, line, name, row[name]) for name in _TRIALS}
    if len({len(values) for values in trials.values()}) > 1:
        counts = ", ".join(f"{len(values)} in {name}" for name, values in trials.items())
        raise ComparisonError(f"{file}:{line}: the numbers of trials differ: {counts}. The file was edited.")
    if row["status"] == "ok" and not trials["ratio_trials"]:
        raise ComparisonError(f"{file}:{line}: status is ok but no trial is listed. The file was edited.")
    return MeasuredSeries(
        SeriesKey(row["model"], row["backend"], row["precision"], row["batch"], row.get(_GRAPH) or NATIVE),
        row["status"],
        row["reason"],
        row["environment_id"],
        row["device"],
        row["latency_kind"],
        trials["latency_trials_ms"],
        trials["ratio_trials"],
        trials["reference_trials_ms"],
        *(row.get(name, "") for name in _LATER),
    )


def _numbers(file: Path, line: int, name: str, text: str) -> tuple[float, ...]:
    values = []
    for word in text.split():
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise ComparisonError(f"{file}:{line}: {word!r} in {name} is not a positive number. The file was edited.")
        values.append(value)
    return tuple(values)
