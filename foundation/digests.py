"""Digests of files and of facts."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

# Below the 128 KiB from which glibc maps memory: freeing a larger block raises that limit for the rest of the process,
# and a library that is used later holds more memory (TensorRT-RTX: 20 to 100 MiB while it builds).
_CHUNK_BYTES = 1 << 16

_KNOWN_SHA256: dict[tuple[Path, int, int, int, int], str] = {}
"""Digests by path, inode, size and times: whatever writes to a file changes one of them."""


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_once(path: Path) -> str:
    """As `file_sha256`, but read once in this process, as long as nothing writes to the file.

    Raises:
        OSError: the file cannot be read.
    """
    found = path.stat()
    state = path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    if state not in _KNOWN_SHA256:
        _KNOWN_SHA256[state] = file_sha256(path)
    return _KNOWN_SHA256[state]


def json_sha256(data: Any) -> str:
    """SHA-256 of `data` in canonical JSON: sorted keys, no spaces."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
