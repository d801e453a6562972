"""Parts of messages."""

from __future__ import annotations

import re


def counted(number: int, noun: str) -> str:
    """A number and its noun in the right form, as in `1 row` and `1,200 rows`.

    Args:
        number: how many.
        noun: the one of one, whose plural ends in s.
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


# ONNX Runtime's messages have them wherever they go (ECMA-48, "select graphic rendition").
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def one_line(text: str) -> str:
    """`text` with its line breaks and runs of blanks made single blanks, for a cell of a table.

    What no table, terminal or XML shows is left out: the colours of a runtime's messages and other control characters.
    """
    words = ("".join(filter(str.isprintable, word)) for word in _COLOUR.sub("", text).split())
    return " ".join(filter(None, words))


SIGNIFICANT_DIGITS = 6
"""Digits of a number in the CSV: beyond any clock. trials.jsonl keeps every digit."""


def number_text(value: float) -> str:
    """A number as results.csv has it."""
    return f"{value:.{SIGNIFICANT_DIGITS}g}"
