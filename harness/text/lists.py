"""Parts of this package's messages and tables."""

from __future__ import annotations

from collections.abc import Iterable

_NAMED_MAX = 5


def few(names: Iterable[str]) -> str:
    """The first names of many, as in `a, b, c, d, e and 7 more`."""
    told = sorted(names)
    more = f" and {len(told) - _NAMED_MAX:,} more" if len(told) > _NAMED_MAX else ""
    return ", ".join(told[:_NAMED_MAX]) + more


def printable(name: str) -> str:
    r"""A file's name as text that any file can hold: a byte that is no UTF-8 as `\xff`.

    Linux' names are bytes, which Python tells as characters that it refuses to write.
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def cause(error: OSError) -> str:
    """What the operating system says, without the path that the message names already."""
    return error.strerror or str(error)
