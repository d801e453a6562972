"""A folder as bytes, with its digest, and back: nothing is ever written outside the folder."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import zipfile
from pathlib import Path, PurePosixPath

from harness.errors import HostsError

_LINK = 0o120000
_KIND = 0o170000


@dataclasses.dataclass(frozen=True)
class Packed:
    """The files of a folder."""

    data: bytes
    """An uncompressed zip archive."""
    sha256: str


def pack(folder: Path) -> Packed:
    """The files below a folder, without hidden ones, which are locks and temporary files.

    Raises:
        OSError: a file cannot be read.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if any(part.startswith(".") for part in relative.parts) or path.is_symlink():
                continue
            if path.is_file():
                archive.writestr(zipfile.ZipInfo(relative.as_posix()), path.read_bytes())
            elif path.is_dir() and not any(path.iterdir()):
                archive.writestr(zipfile.ZipInfo(f"{relative.as_posix()}/"), b"")
    data = buffer.getvalue()
    return Packed(data, hashlib.sha256(data).hexdigest())


def unpack(packed: Packed, folder: Path) -> None:
    """Writes the files below a new folder.

    Raises:
        HostsError: the bytes are not those that were packed, or a name in them leads out of the folder.
        OSError: a file cannot be written.
    """
    if hashlib.sha256(packed.data).hexdigest() != packed.sha256:
        raise HostsError("a piece arrived with another digest than it was sent with: repeat the command")
    try:
        archive = zipfile.ZipFile(io.BytesIO(packed.data))
    except zipfile.BadZipFile as error:
        raise HostsError(f"a piece arrived that is not an archive ({error}): repeat the command") from error
    with archive:
        entries = archive.infolist()
        for entry in entries:
            _check(entry)
        folder.mkdir(parents=True)
        for entry in entries:
            path = folder / entry.filename
            if entry.is_dir():
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(entry))


def _check(entry: zipfile.ZipInfo) -> None:
    """Refuses a name that leads out of the folder, and a link."""
    if (entry.external_attr >> 16) & _KIND == _LINK:
        raise HostsError(f"a piece holds a link ({entry.filename!r}): nothing of it was written")
    check_inside(entry.filename)


def check_inside(name: str) -> None:
    """Refuses a path that is not one below a folder.

    Raises:
        HostsError: it is absolute, has `..` or a backslash in it, or is empty.
    """
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or ":" in parts[0] or "\0" in name:
        raise HostsError(f"a piece holds the path {name!r}, which leads out of its folder: nothing of it was written")
