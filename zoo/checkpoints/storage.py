"""Files in the cache: system errors as messages, and one process at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from foundation.system_errors import is_not_allowed, is_out_of_space
from foundation.wording import cause
from zoo.checkpoints.errors import FetchError
from zoo.checkpoints.settings import FetchListener


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns an `OSError` about `path` into a message that says what to do next.

    Raises:
        FetchError: an `OSError` was raised inside.
    """
    try:
        yield
    except OSError as error:
        raise FetchError(_explanation(error, path)) from error


def _explanation(error: OSError, path: Path) -> str:
    said = cause(error)
    if is_out_of_space(error):
        return (
            f"no space left to write {path} ({said}): free some and run the same command again, which resumes where "
            "this one stopped, or give another --cache-dir"
        )
    if is_not_allowed(error):
        return (
            f"not allowed to use {path} ({said}): change its permissions, or give another --lock or --cache-dir; the "
            "folder `checkpoints` of a read-only cache can be given as --mirror"
        )
    return f"cannot use {path} ({said}): check the path and the disk it is on, or give another --cache-dir or --lock"


@contextlib.contextmanager
def alone(path: Path, listener: FetchListener) -> Iterator[None]:
    """Holds the lock of `path` among processes, waiting for a current holder.

    The kernel releases the lock when its holder ends, however it ends.

    Raises:
        FetchError: the lock cannot be created.
    """
    from filelock import FileLock, Timeout

    file = path.with_name(f".{path.name}.lock")
    with explained(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(file))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            listener.note(f"another process is working on {path.name}: waiting for it")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
