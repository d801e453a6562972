"""Errors of the zoo; each message says what to do about it."""

from __future__ import annotations

import unicodedata

_LONGEST_QUOTE = 150


class ZooError(Exception):
    """A request that the zoo cannot serve."""

    def __str__(self) -> str:
        # Messages quote what servers and files say, which is not to command the terminal that shows them.
        return printable(super().__str__())


class UnknownModelError(ZooError):
    """A name, glob, source or suite that selects nothing."""


class CatalogError(ZooError):
    """A catalogue file that does not hold what a card needs."""


class MissingPackageError(ZooError):
    """The package of a source is not installed, or does not import."""


class WeightsError(ZooError):
    """Weights that cannot be had, opened, or loaded into this network."""


class ReleaseError(ZooError):
    """Original code that cannot be had, is not the pinned commit, or does not build what was asked for."""


class MissingSourcesError(ReleaseError):
    """Original code that has not been fetched yet."""


def first_line(error: BaseException) -> str:
    """The first line of what an error says; its type and arguments where it says nothing."""
    return (str(error).strip() or repr(error)).splitlines()[0]


def printable(text: str) -> str:
    """A text whose control characters are spelled out; tabs and line ends stay."""
    return "".join(
        character
        if character in "\n\t" or not unicodedata.category(character).startswith("C")
        else character.encode("unicode_escape").decode()
        for character in text
    )


def quoted(text: str) -> str:
    """The beginning of what somebody else wrote, in one line."""
    line = " ".join(text[: 4 * _LONGEST_QUOTE].split())
    return f"{line[:_LONGEST_QUOTE]}..." if len(line) > _LONGEST_QUOTE else line


def shortened(items: list[str], most: int = 6) -> str:
    """The first items of a list, each its beginning alone where it is long, and how many more there are."""
    listed = "; ".join(quoted(item) for item in items[:most])
    return listed + (f"; and {len(items) - most} more" if len(items) > most else "")
