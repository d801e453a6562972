"""The table of a comparison with the releases: for the terminal, as CSV and as markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from foundation.replacing import replace_text
from foundation.wording import one_line
from zoo.errors import ReleaseError
from zoo.releases.comparison import ReleaseComparison

SUFFIXES = (".csv", ".md")

_COLUMNS = (
    "model",
    "status",
    "signature",
    "logits_error",
    "recorded_error",
    "parameters_own",
    "parameters_release",
    "macs_own",
    "macs_release",
    "operators",
    "operators_own",
    "operators_release",
    "operators_note",
    "commits",
    "reason",
)


def _equality(equal: bool | None) -> str:
    return "" if equal is None else ("equal" if equal else "different")


def _error(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _operators(counts: object) -> str:
    return " ".join(f"{name}:{count}" for name, count in sorted(counts.items())) if isinstance(counts, dict) else ""


def cells(row: ReleaseComparison) -> dict[str, str]:
    """A row's cells by column."""
    return {
        "model": row.model,
        "status": row.status,
        "signature": _equality(row.signature_equal),
        "logits_error": _error(row.logits_error),
        "recorded_error": _error(row.recorded_error),
        "parameters_own": _number(row.parameters_own),
        "parameters_release": _number(row.parameters_release),
        "macs_own": _number(row.macs_own),
        "macs_release": _number(row.macs_release),
        "operators": _equality(row.operators_equal),
        "operators_own": _operators(row.operators_own),
        "operators_release": _operators(row.operators_release),
        "operators_note": row.operators_note,
        "commits": row.commits,
        "reason": one_line(row.reason),
    }


def csv_text(rows: Sequence[ReleaseComparison]) -> str:
    """All columns, as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(cells(row) for row in rows)
    return text.getvalue()


def _both(own: int | None, release: int | None) -> str:
    """One number if the two are equal."""
    return _number(own) if own == release else f"{_number(own)} / {_number(release)}"


def _short(row: ReleaseComparison) -> list[str]:
    every = cells(row)
    figures = [every[name] for name in ("model", "status", "signature", "logits_error", "recorded_error")]
    counts = [_both(row.parameters_own, row.parameters_release), _both(row.macs_own, row.macs_release)]
    return [*figures, *counts, every["operators"]]


_SHORT_TITLES = [
    "model",
    "status",
    "signature",
    "logits error",
    "against recorded",
    "parameters",
    "multiply-adds",
    "operators",
]


def _notes(rows: Sequence[ReleaseComparison]) -> list[str]:
    """The notes in words, models of the same note together."""
    notes: dict[str, list[str]] = {}
    for row in rows:
        reason = one_line(row.reason)
        note = "" if row.operators_note in reason else row.operators_note
        for text in filter(None, (reason, note)):
            notes.setdefault(text, []).append(row.model)
    return [f"{', '.join(models)}: {text}" for text, models in notes.items()]


def markdown_text(rows: Sequence[ReleaseComparison]) -> str:
    """The figures as a table, with the notes below it."""
    lines = [_SHORT_TITLES, ["---"] * len(_SHORT_TITLES), *(_short(row) for row in rows)]
    table = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    notes = [f"- {note}" for note in _notes(rows)]
    return "\n".join([*table, *([""] if notes else []), *notes]) + "\n"


def plain_text(rows: Sequence[ReleaseComparison]) -> str:
    """The figures in columns of equal width, with the notes below them."""
    lines = [_SHORT_TITLES, *(_short(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_SHORT_TITLES))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*table, *_notes(rows)]) + "\n"


def check_output(path: Path) -> None:
    """Refuses a file that no table can be written to, before anything is computed.

    Raises:
        ReleaseError: the suffix is not one of `SUFFIXES`, or the folder does not exist.
    """
    if path.suffix not in SUFFIXES:
        raise ReleaseError(f"--output {path}: give it a name that ends in {' or '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise ReleaseError(f"--output {path}: no such folder {path.parent}; create it first")


def write(rows: Sequence[ReleaseComparison], path: Path) -> None:
    """Writes the table in the format of the file's suffix.

    Raises:
        ReleaseError: the file cannot be written.
    """
    try:
        replace_text(path, csv_text(rows) if path.suffix == ".csv" else markdown_text(rows))
    except OSError as error:
        raise ReleaseError(f"--output {path}: {error.strerror}; give another file") from error
