"""Output to the terminal and to the page of a CI job."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.errors import StorageError
from harness.text.notes import notes_stream

# GitHub drops everything that a step wrote if it is more (its documentation of job summaries).
_STEP_SUMMARY_MAX_BYTES = 2**20


def say(line: str) -> None:
    """Prints a line for the user to standard error, beside what a command prints as its result."""
    print(line, file=notes_stream(), flush=True)


def each_once(say: Callable[[str], None]) -> Callable[[str], None]:
    """Returns a function that prints each line the first time only."""
    told: set[str] = set()

    def say_once(line: str) -> None:
        if line not in told:
            told.add(line)
            say(line)

    return say_once


def write(path: Path | None, content: str) -> None:
    """Writes a file if one was asked for.

    Raises:
        StorageError: it cannot be written.
    """
    if path is None:
        return
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def append_to_step_summary(content: str) -> None:
    """Shows the content on the page of a GitHub Actions job, where there is one and it is not too long for it.

    Raises:
        StorageError: the page cannot be written.
    """
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    with writable(Path(path)), Path(path).open("ab") as file:
        data = f"{content}\n".encode()
        if file.tell() + len(data) > _STEP_SUMMARY_MAX_BYTES:
            size_kib = len(data) // 1024
            data = f"A summary of {size_kib} KiB is too long for this page; --markdown FILE keeps it.\n".encode()
        file.write(data)


@contextlib.contextmanager
def writable(path: Path) -> Iterator[None]:
    """Explains why a file cannot be written.

    Raises:
        StorageError: in the place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
