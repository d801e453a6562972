"""Names of files and classes in messages and tables."""

from __future__ import annotations

from collections.abc import Iterable

from foundation.wording import listed


def few(names: Iterable[str]) -> str:
    """The first of many names in sorted order, such as `a, b, c, d, e and 7 more`."""
    return listed(sorted(names))


def encodable(name: str) -> str:
    r"""A file's name as text that any file can hold: a byte that is not UTF-8 as `\xff`.

    File names on Linux are bytes, which Python may decode to characters that it refuses to write.
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
