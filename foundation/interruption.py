"""SIGTERM, by which a job scheduler ends a program politely, is treated as an interruption."""

from __future__ import annotations

import signal
from types import FrameType


def interrupt_on_termination() -> None:
    """Makes SIGTERM raise KeyboardInterrupt in the main thread, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _raise_interrupt)


def _raise_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
