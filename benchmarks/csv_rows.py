"""Rows of a CSV to which a long computation appends, so that an interrupted one resumes; processes may share it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock


def read(path: Path) -> list[dict[str, str]]:
    """The rows so far."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append(path: Path, columns: Sequence[str], rows: list[dict[str, Any]]) -> None:
    with filelock.FileLock(f"{path}.lock"), path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        if file.tell() == 0:
            writer.writeheader()
        writer.writerows(rows)


def tidied(path: Path, columns: Sequence[str], key: tuple[str, str]) -> list[dict[str, str]]:
    """The latest row of each key, in order; the CSV is rewritten accordingly."""
    latest = {tuple(row[name].lower() for name in key): row for row in read(path)}
    rows = [latest[values] for values in sorted(latest)]
    path.unlink()
    append(path, columns, rows)
    return rows
