"""Errors of the zoo; each message says what to do about it."""

from __future__ import annotations


class ZooError(Exception):
    """A request that the zoo cannot serve."""


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


def shortened(items: list[str], most: int = 6) -> str:
    """The first items of a list, and how many more there are."""
    return "; ".join(items[:most]) + (f"; and {len(items) - most} more" if len(items) > most else "")
