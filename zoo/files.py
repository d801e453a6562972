"""Files that the packages keep: where, and by which digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import platformdirs

_CHUNK_BYTES = 1 << 22


def default_cache_dir() -> Path:
    """The user's cache directory for this project, as the platform places it."""
    return Path(platformdirs.user_cache_dir("baseline-zoo", appauthor=False))


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
