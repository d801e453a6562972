"""Verifies a file against the digests that it should have."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from zoo.checkpoints.errors import FetchError


@dataclasses.dataclass(frozen=True)
class Expectation:
    """A SHA-256, or its leading digits, and who states it."""

    sha256: str
    """Empty if none is stated."""
    stated_by: str
    next_step: str
    """What to do if the file repeatedly has another one."""


def by_release(sha256: str) -> Expectation:
    """The digest that the release itself states, in the file's name."""
    return Expectation(
        sha256,
        "the release",
        "do not use it: inform the release's authors, or give a --mirror that holds the right file",
    )


def by_server(sha256: str) -> Expectation:
    """The digest that the server states for the file that it sends."""
    return Expectation(
        sha256, "its server", "something between this machine and the server changes it: give a --mirror"
    )


def by_lock(sha256: str, path: str) -> Expectation:
    """The digest in the lock file."""
    return Expectation(
        sha256,
        path,
        "the release has changed since: find out why before using it, or give a --mirror that holds the previous "
        "file. To accept the new one, remove its line from that lock file and fetch again",
    )


def hold_against(sha256: str, what: str, expected: Iterable[Expectation], remedy: str) -> None:
    """Refuses a file that is not the expected one.

    Args:
        sha256: the file's digest.
        what: the file and its URL, in words.
        expected: the digests that it should have.
        remedy: the first thing to do.

    Raises:
        FetchError: the file does not meet an expectation.
    """
    for one in expected:
        if not sha256.startswith(one.sha256):
            kind = "the SHA-256" if len(one.sha256) == len(sha256) else "a SHA-256 that begins"
            raise FetchError(
                f"{what} has the SHA-256 {sha256}, but {one.stated_by} states {kind} {one.sha256}. {remedy}; if this "
                f"persists, {one.next_step}"
            )
