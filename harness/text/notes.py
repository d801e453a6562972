"""Where notes and progress go: to standard error, beside what a command prints as its result, or nowhere."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TextIO

_STREAM: ContextVar[TextIO | None] = ContextVar("notes", default=None)


def notes_stream() -> TextIO:
    """The stream that notes and progress are written to."""
    return _STREAM.get() or sys.stderr


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Discards the notes and the progress of this thread."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        token = _STREAM.set(nowhere)
        try:
            yield
        finally:
            _STREAM.reset(token)
