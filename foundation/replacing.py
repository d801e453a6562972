"""The one way to replace a file: a temporary file is written beside it, synced, and moved over it.

A reader, even after a crash, finds the old file or the new one, never a part of either.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TEMPORARY_SUFFIX = ".tmp"

# Errors of file systems that cannot sync a folder, as some network file systems cannot.
_CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields the path of a temporary file beside `path`, and moves it there once the block has written it.

    If the block fails, the temporary file is removed and `path` stays untouched. What a killed process leaves behind is
    removed by `remove_temporary_files`.

    Raises:
        OSError: the file cannot be synced or moved.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}{TEMPORARY_SUFFIX}")
    try:
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def replace_text(path: Path, text: str) -> None:
    """Writes `text` to `path` in UTF-8, with its line endings as they are.

    Raises:
        OSError: the file cannot be written; the old content of `path` is untouched.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode())


def replace_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON, as `replace_text` does."""
    replace_text(path, json.dumps(value, indent=2) + "\n")


def remove_temporary_files(folder: Path) -> None:
    """Removes what processes killed inside `replacing` left in a folder; no process may be writing to it now."""
    for path in folder.glob(f".*{TEMPORARY_SUFFIX}"):
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return  # Windows cannot open folders.
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)
