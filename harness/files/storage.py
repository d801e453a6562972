"""Files that survive being killed at any moment: atomic replacement and an append-only journal.

Two rules hold the whole store together. A file that is rewritten is written beside its place, synced
and moved over it, so that a reader sees the old one or the new one. A journal is only appended to,
a line at a time and synced; a line counts once its newline is on disk, and what follows the last
newline after a crash is cut away.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import StorageError

TEMPORARY_SUFFIX = ".tmp"
TRIAL_FOLDER_PREFIX = "trial-"
"""Begins the name of the folder that a trial works in while it runs."""

# What the kernel says where no more can be stored: the disk, a quota, a limit on file size.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an `OSError` about `path` into a `StorageError` that says what to do next.

    Raises:
        StorageError: for every `OSError` raised inside.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(_explanation(error, path)) from error


def _explanation(error: OSError, path: Path) -> str:
    if error.errno in _NO_SPACE:
        return (
            f"No space left to write {path} ({error.strerror}). Every finished trial is still stored. "
            "Free some space and repeat the command with the same --output: it goes on where it stopped."
        )
    if error.errno in _NOT_ALLOWED:
        return (
            f"Not allowed to write {path} ({error.strerror}). Give --output a directory that you may write "
            "to, or change the permissions of this one."
        )
    return (
        f"Cannot use {path} ({error.strerror or error}). Check the path and the disk it is on, then repeat "
        "the command with the same --output, or give another."
    )


def replace_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8 so that a reader never sees a part of it.

    Raises:
        StorageError: if it cannot be written; the former content of `path` is then untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    with explained(path):
        try:
            with temporary.open("wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_directory(path.parent)


def replace_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, as `replace_text` does."""
    replace_text(path, json.dumps(value, indent=2) + "\n")


def remove_temporary_files(directory: Path) -> None:
    """Remove what a process that was killed inside `replace_text`, or during a trial, left in `directory`."""
    import shutil  # Loads three decompressors, which no measuring process needs.

    for path in directory.glob(f".*{TEMPORARY_SUFFIX}"):
        path.unlink(missing_ok=True)
    for path in directory.glob(f"{TRIAL_FOLDER_PREFIX}*"):
        shutil.rmtree(path, ignore_errors=True)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json_atomically(data: dict[str, Any], path: Path) -> None:
    """Write the file so that a reader finds either nothing or all of it."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(data))
    partial.replace(path)
