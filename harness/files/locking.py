"""One writer per run directory: a lock of the operating system, and a note that says who holds it."""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import os
import socket
import sys
import time
from pathlib import Path

from harness.errors import HarnessError, RunLockedError
from harness.files.storage import explained, replace_json

LOCK_NAME = ".lock"
HOLDER_NAME = ".lock-holder.json"

# Errors of the kernel for a lock that is held: flock(2) EWOULDBLOCK, which is EAGAIN; Windows EACCES.
_HELD_BY_ANOTHER = (errno.EAGAIN, errno.EWOULDBLOCK, *((errno.EACCES,) if sys.platform == "win32" else ()))

_POLL_S = 0.1
"""Windows alone: seconds between two looks at a lock that another process holds."""


class KernelLock:
    """The lock of one file, which the kernel releases when its holder ends, however it ends.

    So no lock is ever stale, and the file may stay where it is.
    """

    def __init__(self, path: Path, *, wait: bool = False, shared_file: bool = False) -> None:
        """Takes the lock of the file, creating the file if it does not exist.

        Args:
            path: the file.
            wait: whether to wait, in the kernel, until its holder releases the lock.
            shared_file: whether other users of the machine lock the file too, in a folder where anyone may write.

        Raises:
            BlockingIOError: another holder has the lock.
            OSError: the file cannot be used.
        """
        self._descriptor: int | None = _opened_by_anyone(path) if shared_file else _opened(path, 0o644)
        try:
            _lock(self._descriptor, wait=wait)
        except OSError as error:
            self.release()
            if error.errno in _HELD_BY_ANOTHER:
                raise BlockingIOError(*error.args) from error
            raise
        except BaseException:
            self.release()
            raise

    @property
    def held(self) -> bool:
        """Whether the lock has not been released."""
        return self._descriptor is not None

    def write(self, text: str) -> None:
        """Replaces what is in the file, while the lock is held.

        Raises:
            OSError: it belongs to another user, or the disk is full.
        """
        assert self._descriptor is not None
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, text.encode())

    def release(self) -> None:
        """Releases the lock; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> KernelLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _opened(path: Path, mode: int) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, mode)


def _opened_by_anyone(path: Path) -> int:
    """Opens a file that whichever user came first has made, who may be another one; never through a link."""
    no_link = getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | no_link, 0o644)
    except PermissionError:
        # A lock needs no right to write.
        return os.open(path, os.O_RDONLY | no_link)
    if hasattr(os, "fchmod"):
        # Whatever the user's umask takes away; only the owner may.
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, 0o644)
    return descriptor


def _lock(descriptor: int, *, wait: bool) -> None:
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        return
    import msvcrt

    while True:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            if not wait:
                raise
            time.sleep(_POLL_S)
        else:
            return


class RunLock:
    """The right to write to a run directory.

    The note beside the lock serves only the message to a second process.
    """

    def __init__(self, directory: Path) -> None:
        """Takes the lock of `directory`, which must exist.

        Raises:
            RunLockedError: another process holds the lock.
            StorageError: the directory cannot be written to.
        """
        self._holder_path = directory / HOLDER_NAME
        with explained(directory / LOCK_NAME):
            try:
                self._lock = KernelLock(directory / LOCK_NAME)
            except BlockingIOError as error:
                raise RunLockedError(self._message(directory)) from error
        try:
            replace_json(self._holder_path, this_process())
        except HarnessError:
            self._lock.release()
            raise

    def release(self) -> None:
        """Releases the lock; a second call does nothing."""
        if self._lock.held:
            self._holder_path.unlink(missing_ok=True)
            self._lock.release()

    def _message(self, directory: Path) -> str:
        holder = "another process"
        # The holder may not have written its note yet, or may be removing it.
        with contextlib.suppress(OSError, ValueError, KeyError):
            note = json.loads(self._holder_path.read_text(encoding="utf-8"))
            holder = f"process {note['pid']} on {note['host']}, since {note['since']},"
        return (
            f"{directory} is in use: {holder} is measuring into it. Wait until it has finished, stop it, or "
            "give this run another --output. Two runs on one machine would disturb each other's times."
        )


def this_process() -> dict[str, str | int]:
    """Who holds a lock, for messages."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": now.isoformat(timespec="seconds")}
