"""accuracy.jsonl of a run directory: one line per evaluation; the newest of each series counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.errors import StorageError
from harness.files.journal import Journal, parse_journal
from harness.files.storage import explained
from harness.records.accuracy_result import AccuracyResult

ACCURACY_NAME = "accuracy.jsonl"


class AccuracyJournal:
    """The file, for the single writer of the run directory; created with the first evaluation."""

    def __init__(self, run_directory: Path) -> None:
        """Reads what is stored.

        Raises:
            StorageError: it is damaged, or cannot be used.
        """
        self._path = run_directory / ACCURACY_NAME
        self._journal = Journal(self._path) if self._path.is_file() else None
        self._newest = _newest(self._journal.entries if self._journal else [], self._path)

    def newest(self, series_key: str) -> AccuracyResult | None:
        """The newest evaluation of a series; None if there is none."""
        return self._newest.get(series_key)

    def record(self, series_key: str, result: AccuracyResult) -> bool:
        """Stores an evaluation; returns whether it differs from the stored one.

        Raises:
            StorageError: it cannot be stored.
        """
        if self._newest.get(series_key) == result:
            return False
        if self._journal is None:
            self._journal = Journal(self._path)
        self._journal.append({"series": series_key, "result": result.to_json()})
        self._newest[series_key] = result
        return True

    def close(self) -> None:
        """Closes the file; nothing is pending. A second call does nothing."""
        if self._journal is not None:
            self._journal.close()


def read_results(run_directory: Path) -> dict[str, AccuracyResult]:
    """The newest evaluation of each series of a run that another process may be writing to, by series key.

    Raises:
        StorageError: the file is missing or damaged.
    """
    path = run_directory / ACCURACY_NAME
    with explained(path):
        entries, _ = parse_journal(path.read_bytes(), path)
    return _newest(entries, path)


def _newest(entries: Iterable[Mapping[str, Any]], path: Path) -> dict[str, AccuracyResult]:
    try:
        return {entry["series"]: AccuracyResult.from_json(entry["result"]) for entry in entries}
    except (KeyError, TypeError) as error:
        raise StorageError(
            f"{path} is damaged ({error!r}). Remove it and repeat the evaluation: the networks' predictions are kept."
        ) from error
