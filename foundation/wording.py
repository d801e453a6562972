"""Parts of messages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_LONGEST_QUOTE = 150

# ONNX Runtime colours its messages wherever they go (ECMA-48, "select graphic rendition").
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def counted(number: int, noun: str) -> str:
    """A number and its noun in the right form, as in `1 row` and `1,200 rows`.

    Args:
        number: how many.
        noun: singular noun with a regular plural.
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(texts: Iterable[str], most: int = 5) -> str:
    """The first texts without repetitions, and how many more there are, as in `a, b, c, d, e and 7 more`."""
    every = list(dict.fromkeys(texts))
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def sentences(texts: Iterable[str]) -> str:
    """Texts without capital and full stop as sentences, one after another."""
    return " ".join(f"{text[:1].upper()}{text[1:]}." for text in texts)


def one_line(text: str) -> str:
    """`text` on one line, each run of whitespace replaced by one blank, for a table cell.

    Characters that no table, terminal or XML shows are dropped: the colours of a runtime's messages and other control
    characters.
    """
    words = ("".join(filter(str.isprintable, word)) for word in _COLOUR.sub("", text).split())
    return " ".join(filter(None, words))


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its type and arguments if the message is empty."""
    return (str(error).strip() or repr(error)).splitlines()[0]


def cause(error: OSError) -> str:
    """The operating system's reason, without the path, which the caller's message names already."""
    return error.strerror or str(error)


def printable(text: str) -> str:
    """`text` with control characters spelled out; tabs and line endings stay."""
    return "".join(
        character
        if character in "\n\t" or not unicodedata.category(character).startswith("C")
        else character.encode("unicode_escape").decode()
        for character in text
    )


def quoted(text: str) -> str:
    """The beginning of somebody else's text, on one line."""
    line = " ".join(text[: 4 * _LONGEST_QUOTE].split())
    return f"{line[:_LONGEST_QUOTE]}..." if len(line) > _LONGEST_QUOTE else line


def shortened(items: list[str], most: int = 6) -> str:
    """The first items of a list, long ones cut, and how many more there are."""
    shown = "; ".join(quoted(item) for item in items[:most])
    return shown + (f"; and {len(items) - most} more" if len(items) > most else "")
