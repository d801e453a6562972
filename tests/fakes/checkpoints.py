"""Small checkpoints, and common parts of the tests that fetch them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import torch

from zoo.checkpoints import FetchListener, Patience

BRIEF = Patience(
    connect_s=2.0, silence_s=0.3, window_s=0.2, window_bytes=1 << 12, attempts=3, backoff_s=0.001, backoff_limit_s=0.01
)
"""Timeouts for a server on the same machine."""


class Notes(FetchListener):
    """Keeps the messages it receives."""

    def __init__(self) -> None:
        self.starts: list[tuple[str, int, int | None]] = []
        self.done_bytes = 0
        self.notes: list[str] = []

    def started(self, name: str, done_bytes: int, total_bytes: int | None) -> None:
        self.starts.append((name, done_bytes, total_bytes))

    def advanced(self, done_bytes: int) -> None:
        self.done_bytes = done_bytes

    def note(self, text: str) -> None:
        self.notes.append(text)


def checkpoint_bytes(seed: int = 0, legacy: bool = False, values: int = 20_000) -> bytes:
    """A checkpoint as torch.save writes it."""
    generator = torch.Generator().manual_seed(seed)
    state = {"conv.weight": torch.randn(values, generator=generator), "bn.bias": torch.arange(7)}
    file = io.BytesIO()
    torch.save({"state_dict": state}, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


def zip_bytes(members: dict[str, bytes]) -> bytes:
    """A ZIP archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def files_under(folder: Path) -> list[str]:
    """The files below a folder, without locks."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if not path.name.endswith(".lock"))
