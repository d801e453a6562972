"""Keeps the output of frameworks off the terminal."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def terminal_spared() -> Iterator[None]:
    """Discards what this process, native libraries included, writes to its standard output and error."""
    saved = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as sink:
        for stream in (1, 2):
            os.dup2(sink.fileno(), stream)
        try:
            yield
        finally:
            for stream, original in zip((1, 2), saved, strict=True):
                os.dup2(original, stream)
                os.close(original)
