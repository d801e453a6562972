"""One writer per run directory: a lock of the operating system, and a note of who holds it."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
from pathlib import Path

import filelock

from harness.errors import HarnessError
from harness.storage import explained, replace_json

LOCK_NAME = ".lock"
HOLDER_NAME = ".lock-holder.json"


class RunLockedError(HarnessError):
    """Another process writes to the run directory."""


class RunLock:
    """The right to write to a run directory.

    The kernel gives the lock back when its holder ends, however it ends, so no lock is ever stale.
    The note beside it serves only the message to whoever comes second.
    """

    def __init__(self, directory: Path) -> None:
        """Take the lock of `directory`, which must exist.

        Raises:
            RunLockedError: if another process holds it.
            StorageError: if the directory cannot be written to.
        """
        self._holder_path = directory / HOLDER_NAME
        self._lock = filelock.FileLock(directory / LOCK_NAME)
        with explained(directory / LOCK_NAME):
            try:
                self._lock.acquire(timeout=0)
            except filelock.Timeout as error:
                raise RunLockedError(self._message(directory)) from error
        try:
            replace_json(self._holder_path, _this_process())
        except HarnessError:
            self._lock.release()
            raise

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._lock.is_locked:
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
