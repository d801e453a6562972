"""Recognises what was received instead of a checkpoint: servers answer with web pages, and downloads are cut short."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

from foundation.wording import first_line, quoted

_HEAD_BYTES = 512
_DIRECTORY_LIMIT_BYTES = 32 << 20
"""Largest directory of a ZIP file; Python reads it whole, into ten times that memory. An entry has about 100 bytes."""
_ZIP_MAGIC = b"PK\x03\x04"
_LFS_MAGIC = b"version https://git-lfs.github.com/spec/"
_FORMATS = {
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF document",
}


def unlike_checkpoint(path: Path) -> str:
    """What a file is, in words with an article, if it cannot be a checkpoint; empty if it may be one.

    Only its beginning and the directory of a ZIP file are read; nothing is unpacked.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        return "an empty file"
    if head.startswith(_LFS_MAGIC):
        return "a Git LFS pointer, not the file itself (git lfs pull fetches that)"
    if head.startswith(_ZIP_MAGIC):
        return _unlike_zip(path)
    for magic, name in _FORMATS.items():
        if head.startswith(magic):
            return name
    return _kind_of_text(head)


def ends_as_zip(path: Path) -> bool:
    """Whether a file ends like a ZIP file, damaged or not.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:
        return True


@contextlib.contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens a ZIP file and reads its directory.

    Raises:
        zipfile.BadZipFile: the file is damaged, or its directory is larger than any release's.
        OSError: the file cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        try:
            opened = zipfile.ZipFile(_ShortReads(file))
        except (NotImplementedError, ValueError, OverflowError, struct.error) as error:
            # A later version of the format, a name that is not text, or impossible sizes.
            raise zipfile.BadZipFile(first_line(error)) from error
        with opened:
            yield opened


class _ShortReads(io.BufferedReader):
    """A file that refuses large single reads."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _DIRECTORY_LIMIT_BYTES:
            raise zipfile.BadZipFile(f"a directory of {size} bytes")
        return super().read(size)


def _unlike_zip(path: Path) -> str:
    if not ends_as_zip(path):
        return "a truncated ZIP file"
    try:
        with opened_zip(path) as opened:
            names = opened.namelist()
    except zipfile.BadZipFile as error:
        return f"a damaged ZIP file ({first_line(error)})"
    # PyTorch's own format is a ZIP file with the pickle `<name>/data.pkl`.
    if any(name.rpartition("/")[2] == "data.pkl" for name in names):
        return ""
    held = ", ".join(quoted(name) for name in names[:3]) + (", ..." if len(names) > 3 else "")
    return f"a ZIP archive of {held}" if names else "an empty ZIP archive"


def _kind_of_text(head: bytes) -> str:
    """The kind of a text, by its beginning; empty for binary data."""
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The head may end in the middle of a character.
        if len(head) < _HEAD_BYTES or error.start < len(head) - 3:
            return ""
        text = head[: error.start].decode("utf-8-sig")
    if any(ord(character) < 32 and character not in "\t\n\f\r" for character in text):
        return ""
    start = text.lstrip().lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<script")):
        return "an HTML page"
    if start.startswith("<"):
        return "an XML or HTML document"
    if start.startswith(("{", "[")):
        return "a JSON document"
    return f"a text file that begins {text.strip()[:40]!r}"
