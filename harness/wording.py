"""Parts of messages."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number and its noun in the right form, as in `1 row` and `1,200 rows`.

    Args:
        number: how many.
        noun: the one of one, whose plural ends in s.
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
