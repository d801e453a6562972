"""Errors of the zoo; each message says what to do about it."""

from __future__ import annotations

from foundation.wording import printable


class ZooError(Exception):
    """A request that the zoo cannot serve."""

    def __str__(self) -> str:
        # Messages quote text from servers and files, which must not control the terminal that shows it.
        return printable(super().__str__())


class UnknownModelError(ZooError):
    """A name, glob, source or suite that selects nothing."""


class CatalogError(ZooError):
    """A catalogue file that does not contain what a card needs."""


class MissingPackageError(ZooError):
    """The package of a source is not installed, or does not import."""


class WeightsError(ZooError):
    """Weights that cannot be obtained, opened, or loaded into this network."""


class ReleaseError(ZooError):
    """Original code that cannot be obtained, is not the pinned commit, or does not build the requested network."""


class MissingSourcesError(ReleaseError):
    """Original code that has not been fetched yet."""
