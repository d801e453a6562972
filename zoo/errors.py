"""Errors of the zoo; each message says what to do about it."""

from __future__ import annotations

from foundation.wording import printable


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
