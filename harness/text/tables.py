"""Tables for a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

_LONGEST_CELL = 300


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """A table for a terminal: columns as wide as their longest cell, two spaces between them.

    Args:
        lines: the cells of each line, the header's first; at least one line, each with the same number of cells.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "".join(line.rstrip() + "\n" for line in padded)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], align: str = "") -> str:
    """A Markdown table; cells must already be escaped.

    Args:
        header: names of the columns.
        rows: cells of each row.
        align: one letter per column, `l` or `r`; empty aligns all to the left.
    """
    rules = ["---:" if letter == "r" else "---" for letter in align or "l" * len(header)]
    lines = [header, rules, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(value: Any) -> str:
    """Any value as text that stays within one cell, shortened if it is very long."""
    text = " ".join(str(value).split())
    return whole_cell(text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL].rstrip()} ...")


def whole_cell(value: Any) -> str:
    """Any value as text that stays within one cell, however long it is."""
    return " ".join(str(value).split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
