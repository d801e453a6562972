"""Numbers as text."""

from __future__ import annotations

SIGNIFICANT_DIGITS = 6
"""Digits of a number in the CSV: more than any clock resolves. trials.jsonl keeps every digit."""


def number_text(value: float) -> str:
    """A number as written to results.csv."""
    return f"{value:.{SIGNIFICANT_DIGITS}g}"
