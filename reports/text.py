"""Numbers and cells of markdown tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

_LONGEST_CELL = 300


def table(header: Sequence[str], rows: Iterable[Sequence[str]], align: str = "") -> str:
    """A markdown table; cells must be escaped already.

    Args:
        header: names of the columns.
        rows: cells of each row.
        align: a letter a column, `l` or `r`; empty aligns all to the left.
    """
    rules = ["---:" if letter == "r" else "---" for letter in align or "l" * len(header)]
    lines = [header, rules, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(value: Any) -> str:
    """Any value as text that stays within one cell, shortened where it is very long."""
    text = " ".join(str(value).split())
    if len(text) > _LONGEST_CELL:
        text = text[:_LONGEST_CELL].rstrip() + " ..."
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def code(value: Any) -> str:
    """A name in code quotes, for names with underscores and asterisks."""
    text = " ".join(str(value).split()).replace("`", "'").replace("|", "\\|")
    return f"`{text}`" if text else ""


def significant(value: float | None, digits: int = 4) -> str:
    """A number with so many significant digits and no exponent; nothing for None and NaN."""
    if value is None or math.isnan(value):
        return ""
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    return f"{value:.{max(places, 0)}f}"


def interval(low: float | None, high: float | None) -> str:
    """Both ends of an interval, or a dash where there is none."""
    ends = (significant(low), significant(high))
    return f"{ends[0]} to {ends[1]}" if all(ends) else "-"
