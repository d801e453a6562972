"""An append-only file of JSON lines that survives being killed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from harness.errors import StorageError
from harness.files.storage import explained


class Journal:
    """An append-only file of JSON lines.

    Opening reads the entries and cuts off a torn last line, so only the holder of the run's lock
    may open one.
    """

    def __init__(self, path: Path) -> None:
        """Opens or creates the journal at `path`.

        Raises:
            StorageError: the file cannot be used, or a line before the last is not JSON.
        """
        self._path = path
        with explained(path):
            data = path.read_bytes() if path.exists() else b""
            self.entries, self._size = parse_journal(data, path)
            self._file = path.open("ab", buffering=0)
            if self._size < len(data):
                self._file.truncate(self._size)

    def append(self, entry: dict[str, Any]) -> None:
        """Adds one line and waits until it is on disk.

        Raises:
            StorageError: the line cannot be written completely; the journal is then as it was before.
        """
        line = json.dumps(entry).encode() + b"\n"
        with explained(self._path):
            try:
                _write_all(self._file.fileno(), line)
                os.fsync(self._file.fileno())
            except OSError:
                self._file.truncate(self._size)
                raise
        self._size += len(line)

    def close(self) -> None:
        """Closes the file; nothing is pending. A second call does nothing."""
        self._file.close()


def parse_journal(data: bytes, path: Path) -> tuple[list[dict[str, Any]], int]:
    """Returns the entries of a journal and the number of bytes they take; what follows is a torn line.

    Raises:
        StorageError: a line before the last is damaged, which no crash of a writer explains.
    """
    lines = data.split(b"\n")[:-1]
    entries: list[dict[str, Any]] = []
    size = 0
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
        except ValueError as error:
            if number == len(lines):
                break
            raise StorageError(
                f"{path} is damaged: line {number} is not JSON ({error}). Remove that line to have its trial "
                "measured again, or give another --output."
            ) from error
        entries.append(entry)
        size += len(line) + 1
    return entries, size


def _write_all(descriptor: int, data: bytes) -> None:
    # A write to a disk that fills up stores a part and returns its size; the next one raises.
    while data:
        data = data[os.write(descriptor, data) :]
