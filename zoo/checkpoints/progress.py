"""Shows the progress of a download: a bar on a terminal, an occasional line elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

from foundation.units import BYTES_PER_MIB
from zoo.checkpoints.settings import FetchListener

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

_LINE_EVERY_S = 30.0


def size_text(size_bytes: int) -> str:
    """A size as `1.5 MiB`, or in bytes if it is small."""
    return f"{size_bytes / BYTES_PER_MIB:.1f} MiB" if size_bytes >= BYTES_PER_MIB else f"{size_bytes} bytes"


def listener_for(stream: TextIO) -> FetchListener:
    """The listener that suits a stream."""
    return BarListener(stream) if stream.isatty() else LineListener(stream)


class LineListener(FetchListener):
    """Writes plain lines: when a download begins, every half minute, and for every note."""

    def __init__(self, stream: TextIO, every_s: float = _LINE_EVERY_S) -> None:
        self._stream = stream
        self._every_s = every_s
        self._name, self._total = "", ""
        self._told_s = 0.0

    def started(self, name: str, done_bytes: int, total_bytes: int | None) -> None:
        """Reports which file is being downloaded."""
        self._name, self._told_s = name, time.monotonic()
        self._total = f" of {size_text(total_bytes)}" if total_bytes else ""
        going_on = f", resuming after {size_text(done_bytes)}" if done_bytes else ""
        self.note(f"{name}: downloading{self._total.removeprefix(' of')}{going_on}")

    def advanced(self, done_bytes: int) -> None:
        """Reports how much is there, unless that was reported recently."""
        if time.monotonic() - self._told_s >= self._every_s:
            self._told_s = time.monotonic()
            self.note(f"{self._name}: {size_text(done_bytes)}{self._total}")

    def note(self, text: str) -> None:
        """Writes the line."""
        print(text, file=self._stream, flush=True)


class BarListener(FetchListener):
    """Draws a bar for the file that is being downloaded; notes appear above it."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=stream)
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def started(self, name: str, done_bytes: int, total_bytes: int | None) -> None:
        """Draws the bar, or sets it back if the file begins again."""
        if self._bar is None:
            self._bar = _new_bar(self._console)
            self._bar.start()
            self._task = self._bar.add_task(name, total=total_bytes)
        if self._task is not None:
            self._bar.update(self._task, completed=done_bytes, total=total_bytes)

    def advanced(self, done_bytes: int) -> None:
        """Moves the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done_bytes)

    def finished(self) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def note(self, text: str) -> None:
        """Writes the line above the bar."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _new_bar(console: Console) -> Progress:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
