"""Parts of this package's messages."""

from __future__ import annotations

from collections.abc import Iterable

_NAMED_MAX = 5


def few(names: Iterable[str]) -> str:
    """The first names of many, as in `a, b, c, d, e and 7 more`."""
    told = sorted(names)
    more = f" and {len(told) - _NAMED_MAX:,} more" if len(told) > _NAMED_MAX else ""
    return ", ".join(told[:_NAMED_MAX]) + more


def cause(error: OSError) -> str:
    """What the operating system says, without the path that the message names already."""
    return error.strerror or str(error)
