"""Names of classes that are numbered: `0` to `999`, `class_1` to `class_12`, `001.Albatross` to `200.Yellowthroat`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

_FIRST = re.compile(r"([^0-9]*)([0-9]+)(.*)", re.DOTALL)
_LAST = re.compile(r"(.*?)([0-9]+)()", re.DOTALL)
_MOST_DIGITS = 9


def is_number(text: str) -> bool:
    """Whether a text is a decimal number of a class, such as `7` or `007`."""
    return text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS


def numbers_in(names: Collection[str]) -> Mapping[str, int] | None:
    """The number of every name; None if the names are not numbered.

    Names are numbered if they differ in one number alone (`class_1`, `class_12`), or if their first or last numbers
    count from 0 or 1 without a gap (`1.tench`, `2.goldfish`). A number that two names share says nothing.
    """
    for pattern in (_FIRST, _LAST):
        parts = [match.groups() if (match := pattern.fullmatch(name)) else None for name in names]
        known = [part for part in parts if part is not None and len(part[1]) <= _MOST_DIGITS]
        if len(known) < len(names):
            continue
        numbers = [int(number) for _, number, _ in known]
        same_text = len({(before, after) for before, _, after in known}) == 1
        if len(set(numbers)) == len(numbers) and (same_text or _counts(numbers)):
            return dict(zip(names, numbers, strict=True))
    return None


def sorts_otherwise(names: Collection[str], number_of: Callable[[str], int]) -> bool:
    """Whether the order of the numbers is not that of the names as text."""
    return sorted(names) != sorted(names, key=number_of)


def are_indices(names: Sequence[str]) -> bool:
    """Whether names are exactly the numbers from 0 on, with or without leading zeros."""
    return all(map(is_number, names)) and sorted(map(int, names)) == list(range(len(names)))


def _counts(numbers: Sequence[int]) -> bool:
    return min(numbers) in (0, 1) and max(numbers) - min(numbers) == len(numbers) - 1
