"""The file that runs are kept in: SQLite, since it is part of Python and lets several processes add at once.

Every addition is one transaction, so that a process killed in it leaves the file as it was. What a history shows is in
columns of this store's own, which outlast changes of results.csv; the whole row is kept beside them for `export`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from foundation.vocabulary import NATIVE
from harness.errors import HistoryError
from harness.history.record import RunRecord
from harness.records.reader import SeriesKey

STORE_VERSION = 1
"""Incremented whenever the tables change."""

APPLICATION_ID = 0x425A4849
"""Distinguishes this store from other SQLite files: "BZHI"."""

_OF_CELLS = ("measured_as", "inputs", "inputs_sha256")
"""Columns of results.csv that a series is read with and that have no column here."""

_WAIT_S = 30.0

_TABLES = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    added_at TEXT NOT NULL,
    created_at TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    device TEXT NOT NULL,
    environment TEXT NOT NULL,
    conditions TEXT NOT NULL,
    harness_version TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    trials_count INTEGER NOT NULL
);
CREATE TABLE series (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    position INTEGER NOT NULL,
    model TEXT NOT NULL,
    backend TEXT NOT NULL,
    precision TEXT NOT NULL,
    batch TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    measured_at TEXT NOT NULL,
    latencies_ms TEXT NOT NULL,
    ratios TEXT NOT NULL,
    runtime TEXT NOT NULL,
    artifact_sha256 TEXT NOT NULL,
    cells TEXT NOT NULL,
    PRIMARY KEY (model, backend, precision, batch, run_id)
);
"""

Added = Literal["added", "replaced", "unchanged", "older"]


@dataclasses.dataclass(frozen=True)
class StoredRun:
    """A run of the store, without its rows."""

    run_id: str
    label: str
    created_at: str
    environment_id: str
    device: str
    environment: Mapping[str, Any]
    conditions: str
    """Canonical JSON of `RunRecord.conditions`."""
    series_ok_count: int
    series_count: int


@dataclasses.dataclass(frozen=True)
class StoredSeries:
    """A row of a run."""

    key: SeriesKey
    status: str
    reason: str
    measured_at: str
    latencies_ms: tuple[float, ...]
    """One figure per trial; empty if the status is not `ok`."""
    ratios: tuple[float, ...]
    runtime: str
    artifact_sha256: str
    measured_as: str
    """Model whose trials these are; empty if they are its own."""
    inputs: str = ""
    """What its inputs held; see `harness.records.series.Series.inputs`."""
    inputs_sha256: str = ""

    @property
    def held(self) -> str:
        """What its inputs held, by content."""
        return self.inputs_sha256 or self.inputs


class HistoryStore:
    """Runs in one file. Use it as a context manager, or call `close`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Use `open` instead."""
        self._path = path
        self._connection = connection

    @classmethod
    def open(cls, path: Path, *, create: bool = False, wait_s: float = _WAIT_S) -> HistoryStore:
        """Opens a store.

        Args:
            path: the file.
            create: whether to create it if it does not exist.
            wait_s: how long to wait for another process that is adding.

        Raises:
            HistoryError: the file does not exist, is not a history, is damaged, or of another version.
        """
        if not path.exists() and not create:
            raise HistoryError(
                f"{path}: there is no history. Start one: python -m harness history add RUN --store FILE"
            )
        with _explained(path):
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
            mode = "rwc" if create else "rw"
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=wait_s, isolation_level=None
            )
        store = cls(path, connection)
        try:
            with _explained(path):
                connection.execute("PRAGMA foreign_keys = ON")
                if create:
                    store._make_tables()
                store._check_version()
                store._check_pages()
        except HistoryError:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Closes the file; everything is on disk already."""
        self._connection.close()

    def __enter__(self) -> HistoryStore:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def add(self, record: RunRecord, label: str | None = None) -> Added:
        """Adds a run, or updates it to the state of the record.

        Args:
            record: the run.
            label: what was measured, for example a commit; None keeps that of an earlier addition.

        Returns:
            `added`; `replaced` if the run was there with fewer or other rows, or another label; `unchanged`; `older`
            if the store has a later state of the same run, which then stays.

        Raises:
            HistoryError: the file cannot be written.
        """
        rows = [_row(record, position) for position in range(len(record.rows))]
        with self._transaction():
            stored = self._connection.execute(
                "SELECT label, trials_count FROM runs WHERE run_id = ?", (record.run_id,)
            ).fetchone()
            if stored is not None:
                if record.trials_count < stored[1]:
                    return "older"
                label = stored[0] if label is None else label
                if label == stored[0] and rows == self._rows_of(record.run_id):
                    return "unchanged"
                self._connection.execute("DELETE FROM runs WHERE run_id = ?", (record.run_id,))
            self._connection.execute(_insert("runs", 11), _run_values(record, label or ""))
            self._connection.executemany(_insert("series", 14), rows)
        return "added" if stored is None else "replaced"

    def runs(self) -> list[StoredRun]:
        """The runs, oldest first."""
        with _explained(self._path):
            found = self._connection.execute(
                "SELECT run_id, label, created_at, environment_id, device, environment, conditions, "
                "(SELECT count(*) FROM series WHERE series.run_id = runs.run_id AND status = 'ok'), "
                "(SELECT count(*) FROM series WHERE series.run_id = runs.run_id) "
                "FROM runs ORDER BY created_at, run_id"
            ).fetchall()
            return [
                StoredRun(
                    run_id, label, created_at, environment_id, device, json.loads(environment), conditions, ok, count
                )
                for run_id, label, created_at, environment_id, device, environment, conditions, ok, count in found
            ]

    def models(self) -> list[str]:
        """The models that any run has, sorted."""
        with _explained(self._path):
            return [name for (name,) in self._connection.execute("SELECT DISTINCT model FROM series ORDER BY model")]

    def series(self, model: str) -> list[tuple[str, StoredSeries]]:
        """Every row of a model with the id of its run, oldest first."""
        with _explained(self._path):
            found = self._connection.execute(
                "SELECT run_id, model, backend, precision, batch, status, reason, measured_at, "
                "latencies_ms, ratios, runtime, artifact_sha256, cells FROM series WHERE model = ? "
                "ORDER BY backend, precision, batch, measured_at, run_id",
                (model,),
            ).fetchall()
            return [
                (
                    run_id,
                    StoredSeries(
                        _key(*key),
                        status,
                        reason,
                        at,
                        _numbers(times),
                        _numbers(ratios),
                        runtime,
                        sha256,
                        *_of_cells(cells),
                    ),
                )
                for run_id, *key, status, reason, at, times, ratios, runtime, sha256, cells in found
            ]

    def cells(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Every row of every run as results.csv had it, with the id of its run, in the order of `runs`."""
        with _explained(self._path):
            for run_id, cells in self._connection.execute(
                "SELECT run_id, cells FROM series JOIN runs USING (run_id) ORDER BY created_at, run_id, position"
            ):
                yield run_id, json.loads(cells)

    def _rows_of(self, run_id: str) -> list[tuple[Any, ...]]:
        return self._connection.execute("SELECT * FROM series WHERE run_id = ? ORDER BY position", (run_id,)).fetchall()

    def _make_tables(self) -> None:
        """Makes the tables in a new file, and leaves an existing one alone; another process may do the same at once."""
        if self._pragma("schema_version"):
            return
        with self._transaction():
            if self._pragma("schema_version"):
                return
            for statement in _TABLES.split(";\n"):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {STORE_VERSION}")

    def _check_version(self) -> None:
        if self._pragma("application_id") != APPLICATION_ID:
            raise HistoryError(f"{self._path} is not a history of this harness. Give --store another file.")
        version = self._pragma("user_version")
        if version != STORE_VERSION:
            raise HistoryError(
                f"{self._path} is a history of version {version}, and this version of the harness reads "
                f"{STORE_VERSION}. Use the harness that wrote it, or start another history."
            )

    def _check_pages(self) -> None:
        """Refuses a file that was cut off or overwritten, which SQLite may read for a long time without noticing."""
        told = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if told != "ok":
            raise _damaged(self._path, " ".join(told.split()))

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with _explained(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                # A full disk has made SQLite roll back already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _insert(table: str, columns: int) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"


def _run_values(record: RunRecord, label: str) -> tuple[Any, ...]:
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    return (
        record.run_id,
        label,
        now,
        record.created_at,
        record.environment_id,
        record.device,
        json.dumps(record.environment),
        json.dumps(record.conditions, sort_keys=True),
        record.harness_version,
        record.schema_version,
        record.trials_count,
    )


def _row(record: RunRecord, position: int) -> tuple[Any, ...]:
    row = record.rows[position]
    measured, key = row.measured, row.measured.key
    return (
        record.run_id,
        position,
        key.model,
        key.backend,
        key.precision if key.graph == NATIVE else f"{key.precision} {key.graph}",
        key.batch,
        measured.status,
        measured.reason,
        row.measured_at,
        json.dumps(measured.latencies_ms),
        json.dumps(measured.ratios),
        row.runtime,
        row.artifact_sha256,
        json.dumps(row.cells),
    )


def _key(model: str, backend: str, precision: str, batch: str) -> SeriesKey:
    """The key of a row, whose column of the precision has the graph too unless it is native."""
    precision, _, graph = precision.partition(" ")
    return SeriesKey(model, backend, precision, batch, graph or NATIVE)


def _of_cells(text: str) -> list[str]:
    """The values of `_OF_CELLS` in a row as it is kept whole."""
    cells = json.loads(text)
    return [cells.get(name, "") for name in _OF_CELLS]


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(json.loads(text))


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turns errors of SQLite and the file system into messages that say what to do.

    Raises:
        HistoryError: such an error was raised inside.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        raise HistoryError(_explanation(path, str(error))) from error
    except sqlite3.DatabaseError as error:
        if "not a database" in str(error):
            raise HistoryError(f"{path} is not a history of this harness. Give --store another file.") from error
        raise _damaged(path, str(error)) from error
    except ValueError as error:
        # Invalid JSON, in the middle of a file whose pages are sound.
        raise _damaged(path, str(error)) from error
    except OSError as error:
        raise HistoryError(f"{path}: {error.strerror}. Give --store a file that you may write.") from error


def _damaged(path: Path, told: str) -> HistoryError:
    return HistoryError(f"{path} is damaged ({told}). Restore a copy of it, or start another history.")


def _explanation(path: Path, told: str) -> str:
    if "locked" in told:
        return f"{path} is in use: another process is adding to it. Repeat the command once it has finished."
    if "readonly" in told or "unable to open" in told:
        return f"{path} cannot be written or opened ({told}). Give --store a file that you may write."
    return f"{path} cannot be used ({told}). Check the disk that it is on; what was added before is untouched."
