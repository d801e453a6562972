"""A process in a group of its own, so that whatever it starts ends with it, and the tail of what it prints."""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO

_TAIL_LINES = 20
_LINE_MAX_CHARACTERS = 500


def start_group(
    command: list[str], environment: Mapping[str, str], folder: Path | None = None
) -> subprocess.Popen[str]:
    """Starts a process without input, whose errors are part of its output.

    Args:
        command: its words.
        environment: all of its variables.
        folder: the one that it runs in, by default that of this process.

    Raises:
        OSError: the command cannot be run.
    """
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kills the process and its children, if it is still running."""
    if process.poll() is not None:
        return  # Its ID may belong to another process by now.
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


class OutputTail:
    """The last lines of a stream, each cut to a bounded length, which a thread reads as they come."""

    def __init__(self, stream: IO[str] | None) -> None:
        """Begins to read an output of a process, which is a pipe."""
        assert stream is not None
        self._stream = stream
        self._lines: collections.deque[str] = collections.deque(maxlen=_TAIL_LINES)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while line := self._stream.readline(_LINE_MAX_CHARACTERS):
            self._lines.append(line)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits in the kernel until the stream has ended, at most for a time; returns whether it has."""
        self._reader.join(timeout_s)
        return not self._reader.is_alive()

    def text(self) -> str:
        """The lines so far."""
        return "".join(self._lines).strip()

    def last_line(self) -> str:
        """The last line so far; empty if there is none."""
        return self._lines[-1].strip() if self._lines else ""
