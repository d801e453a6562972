"""Files of the cache: errors of the system as messages, files that appear whole, one process at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from zoo.checkpoints.errors import FetchError
from zoo.checkpoints.settings import FetchListener

# What the kernel says where no more can be stored: the disk, a quota, a limit on file size.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns an `OSError` about `path` into a message that says what to do next.

    Raises:
        FetchError: for every `OSError` raised inside.
    """
    try:
        yield
    except OSError as error:
        raise FetchError(_explanation(error, path)) from error


def _explanation(error: OSError, path: Path) -> str:
    said = error.strerror or str(error)
    if error.errno in _NO_SPACE:
        return (
            f"no space left to write {path} ({said}): free some and run the same again, which goes on where this "
            "stopped, or give another --cache-dir"
        )
    if error.errno in _NOT_ALLOWED:
        return (
            f"not allowed to use {path} ({said}): change its permissions, or give another --lock or --cache-dir; the "
            "folder `checkpoints` of a cache that may only be read serves as --mirror"
        )
    return f"cannot use {path} ({said}): check the path and the disk it is on, or give another --cache-dir or --lock"


def replace_text(path: Path, text: str) -> None:
    """Writes a text file so that a reader sees the old one or the new one.

    Raises:
        OSError: it cannot be written; what was there is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp gives its file to the owner alone; a team's file is for everyone whom the umask allows.
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def alone(path: Path, listener: FetchListener) -> Iterator[None]:
    """Holds the lock of `path` among processes; waits for whoever holds it.

    The kernel gives the lock back when its holder ends, however it ends.

    Raises:
        FetchError: the lock cannot be made.
    """
    from filelock import FileLock, Timeout

    file = path.with_name(f".{path.name}.lock")
    with explained(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(file))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            listener.note(f"another process works on {path.name}: waiting for it")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
