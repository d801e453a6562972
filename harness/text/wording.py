"""Numbers as text."""

from __future__ import annotations

SIGNIFICANT_DIGITS = 6
"""Digits of a number in the CSV: beyond any clock. trials.jsonl keeps every digit."""


def number_text(value: float) -> str:
    """A number as results.csv has it."""
    return f"{value:.{SIGNIFICANT_DIGITS}g}"
