"""Shows the user how far a run is: a bar on a terminal, plain lines elsewhere.

Nothing is drawn between updates: a bar that refreshes itself would take processor time from what is
being measured.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from harness.text.notes import notes_stream

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress


def minutes_text(seconds: float) -> str:
    """Seconds as `1:23` or `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Progress:
    """One stage of a run: `total` steps, each reported in a line."""

    def __init__(self, title: str, total: int, stream: TextIO | None = None) -> None:
        self._title, self._total = title, total
        self._stream = stream or notes_stream()
        self._done = 0
        self._started = time.monotonic()
        self._bar = self._terminal_bar() if self._stream.isatty() and total else None

    def _terminal_bar(self) -> RichProgress | None:
        """Starts the bar; None if rich is not installed, as on a machine that only measures."""
        try:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
            from rich.progress import Progress as RichProgress
        except ImportError:
            return None
        bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[times]}"),
            console=Console(file=self._stream),
            auto_refresh=False,
        )
        bar.start()
        self._task = bar.add_task(self._title, total=self._total, times="")
        bar.refresh()
        return bar

    def step(self, text: str, problem: bool = False) -> None:
        """Reports one finished step; `text` says which and how it ended.

        Args:
            text: one line.
            problem: keep the line on a terminal too, where steps otherwise only move the bar.
        """
        self._done += 1
        if self._bar is None:
            print(f"[{self._title} {self._done}/{self._total}] {text}", file=self._stream, flush=True)
            return
        if problem:
            self._bar.console.print(text, markup=False, highlight=False)
        self._move()

    def advance(self, count: int) -> None:
        """Advances by `count` steps without a line for each; `tell` reports on them."""
        self._done += count
        self._move()

    def shorten(self, count: int) -> None:
        """Removes `count` steps from the total."""
        self._total -= count
        self._move()

    def tell(self, text: str, problem: bool = False) -> None:
        """Reports how far the stage is and what is left, in a line of its own if there is no bar.

        Args:
            text: one line.
            problem: print it on a terminal too.
        """
        if self._bar is None:
            line = f"[{self._title} {self._done}/{self._total}] {text}"
            print(line if problem else f"{line}, {self._times()}", file=self._stream, flush=True)
        elif problem:
            self._bar.console.print(text, markup=False, highlight=False)
            self._bar.refresh()

    def _move(self) -> None:
        """Draws the bar as it is now."""
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, total=self._total, times=self._times())
            self._bar.refresh()

    def _times(self) -> str:
        elapsed = time.monotonic() - self._started
        left = elapsed / max(1, self._done) * (self._total - self._done)
        return f"{minutes_text(elapsed)} elapsed, about {minutes_text(left)} left"

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
