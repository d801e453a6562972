"""Keeps the chatter of frameworks off the terminal."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def terminal_spared() -> Iterator[None]:
    """Swallows what this process, libraries below Python included, writes to its two streams."""
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
