"""One writer per run directory: a lock of the operating system, and a note that says who holds it."""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import os
import socket
import sys
from pathlib import Path

from harness.errors import HarnessError, RunLockedError
from harness.files.storage import explained, replace_json

LOCK_NAME = ".lock"
HOLDER_NAME = ".lock-holder.json"

# Errors of the kernel for a lock that is held: flock(2) EWOULDBLOCK, which is EAGAIN; Windows EACCES.
_HELD_BY_ANOTHER = (errno.EAGAIN, errno.EWOULDBLOCK, *((errno.EACCES,) if sys.platform == "win32" else ()))


class KernelLock:
    """The lock of one file, which the kernel releases when its holder ends, however it ends.

    So no lock is ever stale, and the file may stay where it is.
    """

    def __init__(self, path: Path) -> None:
        """Takes the lock of the file, creating the file if it does not exist.

        Raises:
            BlockingIOError: another holder has the lock.
            OSError: the file cannot be used.
        """
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(self._descriptor, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            if error.errno in _HELD_BY_ANOTHER:
                raise BlockingIOError(*error.args) from error
            raise

    @property
    def held(self) -> bool:
        """Whether the lock has not been released."""
        return self._descriptor is not None

    def release(self) -> None:
        """Releases the lock; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


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
            replace_json(self._holder_path, _this_process())
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


def _this_process() -> dict[str, str | int]:
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": now.isoformat(timespec="seconds")}
