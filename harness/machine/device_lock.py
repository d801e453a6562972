"""One timed process at a time on a device: measurements of one machine wait for each other, trial by trial.

A run directory has a lock of its own (`harness.files.locking`), but two runs into two directories would disturb each
other's times all the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from foundation.wording import counted
from harness.errors import DeviceBusyError
from harness.files.locking import KernelLock, this_process
from harness.machine.environment import Environment

FOLDER_VARIABLE = "BASELINE_ZOO_LOCKS"
"""Environment variable with the folder of the locks, for containers that share a device and a folder."""

_PROCESSOR = "processor"


def _folder() -> Path:
    """The folder that all users of the machine share; `TMPDIR` is often a job's own."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named or ("/tmp" if os.name == "posix" else tempfile.gettempdir()))


class DeviceLock:
    """The right to time on a device, which is held over one trial."""

    def __init__(self, device: str, words: str, *, wait: bool, say: Callable[[str], None]) -> None:
        """Use `of` instead."""
        name = re.sub(r"[^A-Za-z0-9]+", "-", device).strip("-").lower()
        self._path = _folder() / f"baseline-zoo-{name}.lock"
        # Whoever waits for the device holds this one, so that a holder who comes back for its next trial stands behind.
        self._queue_path = _folder() / f"baseline-zoo-{name}.queue.lock"
        self._words = words
        self._wait = wait
        self._say = say
        self._usable = True
        self.waits_count = 0
        """Trials that had to wait for another process."""
        self.waited_s = 0.0
        """Seconds that they waited."""

    @classmethod
    def of(cls, environment: Environment, *, wait: bool, say: Callable[[str], None]) -> DeviceLock:
        """The lock of the device that an environment describes.

        Args:
            environment: of the runtime that is timed.
            wait: whether to wait for other measurements, rather than refuse to measure beside them.
            say: prints a line for the user.
        """
        if environment.accelerator is None:
            return cls(_PROCESSOR, "the processor", wait=wait, say=say)
        bus_id = environment.accelerator.gpu.bus_id
        return cls(f"gpu-{bus_id}", f"the GPU {bus_id}", wait=wait, say=say)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Holds the lock, after waiting for those who came before.

        Raises:
            DeviceBusyError: another process measures on the device, and waiting is not wanted.
        """
        lock = self._taken()
        try:
            yield
        finally:
            if lock is not None:
                lock.release()

    def told(self) -> str:
        """One sentence on what waiting took; empty if nothing waited."""
        if not self.waits_count:
            return ""
        return (
            f"waited {self.waited_s:.0f} s in all for other measurements on {self._words}, before "
            f"{counted(self.waits_count, 'trial')}"
        )

    def _taken(self) -> KernelLock | None:
        """The lock; None where there can be none, which is said once."""
        if not self._usable:
            return None
        try:
            return self._at_once() or self._after_others()
        except OSError as error:
            self._usable = False
            self._say(
                f"warning: other measurements on {self._words} are not noticed, as {self._path} cannot be locked "
                f"({error.strerror}): see that there are none, or name another folder in {FOLDER_VARIABLE}"
            )
            return None

    def _at_once(self) -> KernelLock | None:
        """The lock, or None if another process holds it or waits for it."""
        try:
            with KernelLock(self._queue_path, shared_file=True):
                return self._noted(KernelLock(self._path, shared_file=True))
        except BlockingIOError:
            return None

    def _after_others(self) -> KernelLock:
        """The lock, once it is free.

        Raises:
            DeviceBusyError: waiting is not wanted.
        """
        if not self._wait:
            raise DeviceBusyError(
                f"{self._words} is in use: {self._holder()} is timing on it. Without --no-wait, each trial waits for "
                "its turn."
            )
        if not self.waits_count:
            self._say(
                f"{self._holder()} is timing on {self._words}: each trial waits for its turn (--no-wait refuses "
                "instead)"
            )
        self.waits_count += 1
        began = time.monotonic()
        try:
            with KernelLock(self._queue_path, shared_file=True, wait=True):
                return self._noted(KernelLock(self._path, shared_file=True, wait=True))
        finally:
            self.waited_s += time.monotonic() - began

    def _noted(self, lock: KernelLock) -> KernelLock:
        """The lock, with a note in its file that says who holds it."""
        # The file may belong to another user.
        with contextlib.suppress(OSError):
            lock.write(json.dumps(this_process()))
        return lock

    def _holder(self) -> str:
        with contextlib.suppress(OSError, ValueError, KeyError):
            note = json.loads(self._path.read_text("utf-8"))
            return f"process {note['pid']} on {note['host']}"
        return "another process"
