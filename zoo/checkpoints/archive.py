"""Extracts one checkpoint from a release's archive, and trusts nothing that the archive says about itself.

An archive is refused as a whole if any of its entries is one that no release has: a path that leads out of the
folder, a link, a device, or the sizes of a decompression bomb. Only the wanted member is ever written, under its
bare name.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import gzip
import os
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from foundation.wording import first_line, quoted
from zoo.checkpoints.legacy import LARGEST_PICKLES_BYTES
from zoo.errors import WeightsError
from zoo.file_kinds import ends_as_zip, opened_zip, unlike_checkpoint

_CHUNK_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK"
_TAR_MAGIC = b"ustar"
_TAR_MAGIC_OFFSET = 257
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Decompressors of other methods expand all their input at once: a kilobyte of bzip2 may take gigabytes of memory."""


@dataclasses.dataclass(frozen=True)
class ArchiveLimits:
    """Limits that releases' archives stay well below: the largest known one has a checkpoint of a few hundred MB."""

    entries: int = 1000
    member_bytes: int = 4 << 30
    """Unpacked size of any one entry."""
    total_bytes: int = 8 << 30
    """Unpacked size of all entries together."""
    pickle_bytes: int = LARGEST_PICKLES_BYTES
    """Size of the pickle in a checkpoint that is a ZIP file: names and shapes, of which each byte may be an object."""
    ratio: int = 100
    """Unpacked size over the archive's own. Trained weights hardly compress; the ratio of a bomb starts near 1000."""
    header_bytes: int = _CHUNK_BYTES
    """Largest single read from a tar archive, its headers included."""


CHECKPOINT_LIMITS = ArchiveLimits(entries=100_000, total_bytes=16 << 30)
"""Limits of a checkpoint that is itself a ZIP file, with one entry per tensor, the optimiser's included."""


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One entry of an archive, as the archive describes it."""

    name: str
    size: int
    kind: str
    """`file`, `folder`, or what else it is."""


def extract_member(archive: Path, member: str, folder: Path, limits: ArchiveLimits | None = None) -> Path:
    """Writes one file of a ZIP or (gzipped) tar archive into a folder.

    The file appears whole or not at all, under the last part of the member's name; an existing file is replaced.

    Args:
        archive: the archive's path.
        member: the file's path within it, as the card's `checkpoint.archive_member`.
        folder: an existing folder.
        limits: sizes above which an archive is refused.

    Returns:
        Path of the file.

    Raises:
        WeightsError: the file is not an archive, is damaged or unsafe, lacks that member, or the disk is full.
    """
    bounds = limits or ArchiveLimits()
    try:
        if _is_zip(archive):
            return _from_zip(archive, member, folder, bounds)
        if _is_tar(archive):
            return _from_tar(archive, member, folder, bounds)
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise WeightsError(f"{archive} is a damaged archive ({first_line(error)}); fetch it again") from error
    except OSError as error:
        raise WeightsError(f"{archive} cannot be unpacked into {folder}: {first_line(error)}") from error
    known = unlike_checkpoint(archive) or "not a ZIP or tar archive"
    raise WeightsError(f"{archive} is {known}; the archive that holds {member} was expected: fetch it again")


def refuse_unsafe_zip(path: Path, limits: ArchiveLimits) -> None:
    """Checks the entries of a ZIP file against the limits and reads none of them; any other file passes.

    Raises:
        WeightsError: the file is damaged, or has entries that no release has.
    """
    if not _is_zip(path):
        return
    try:
        with opened_zip(path) as opened:
            collections.deque(_checked((_zip_entry(info) for info in opened.infolist()), path, limits), maxlen=0)
    except zipfile.BadZipFile as error:
        raise WeightsError(f"{path} is a damaged ZIP file ({first_line(error)}); fetch it again") from error


def _is_zip(path: Path) -> bool:
    # By its beginning too: a tar archive that ends with a PyTorch checkpoint ends like a ZIP file.
    with path.open("rb") as file:
        return file.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC and ends_as_zip(path)


def _is_tar(path: Path) -> bool:
    # By its beginning alone: to find out, tarfile would read headers of any size.
    with path.open("rb") as file:
        head = file.read(_TAR_MAGIC_OFFSET + len(_TAR_MAGIC))
    return head.startswith(_GZIP_MAGIC) or head[_TAR_MAGIC_OFFSET:] == _TAR_MAGIC


def _from_zip(archive: Path, member: str, folder: Path, limits: ArchiveLimits) -> Path:
    with opened_zip(archive) as opened:
        infos = opened.infolist()
        checked = list(_checked((_zip_entry(info) for info in infos), archive, limits))
        chosen = infos[_only(member, checked, archive)]
        with opened.open(chosen) as source:
            return _written(source, chosen.file_size, folder / PurePosixPath(member).name)


def _zip_entry(info: zipfile.ZipInfo) -> _Entry:
    # Not by `is_dir`, which reads the last character even of an empty name.
    kind = "folder" if info.filename.endswith("/") else "file"
    # Unix keeps an entry's type in the upper half; zero if another system wrote the archive.
    file_type = stat.S_IFMT(info.external_attr >> 16)
    if file_type not in (0, stat.S_IFREG, stat.S_IFDIR):
        kind = "a link" if stat.S_ISLNK(file_type) else "neither file nor folder"
    elif info.flag_bits & 1:
        kind = "encrypted"
    elif info.compress_type not in _ZIP_METHODS:
        kind = f"packed by method {info.compress_type}, which no release uses"
    return _Entry(info.orig_filename, info.file_size, kind)


def _from_tar(archive: Path, member: str, folder: Path, limits: ArchiveLimits) -> Path:
    with _tar_stream(archive, limits) as stream, tarfile.open(fileobj=stream, mode="r:") as opened:
        infos: list[tarfile.TarInfo] = []

        def entries() -> Iterator[_Entry]:
            for info in opened:
                infos.append(info)
                yield _tar_entry(info)

        chosen = infos[_only(member, list(_checked(entries(), archive, limits)), archive)]
        source = opened.extractfile(chosen)
        if source is None:
            raise WeightsError(f"{archive}: {member} is not a file")
        with source:
            return _written(source, chosen.size, folder / PurePosixPath(member).name)


def _tar_entry(info: tarfile.TarInfo) -> _Entry:
    if info.issym() or info.islnk():
        kind = "a link"
    elif info.isdir():
        kind = "folder"
    else:
        kind = "file" if info.isreg() and not info.issparse() else "neither file nor folder"
    return _Entry(info.name, info.size, kind)


@contextlib.contextmanager
def _tar_stream(archive: Path, limits: ArchiveLimits) -> Iterator[IO[bytes]]:
    """Opens the tar archive's bytes, unpacked if they are gzipped, as far as the limits allow."""
    with archive.open("rb") as file:
        zipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        file.seek(0)
        allowed = limits.total_bytes
        if zipped:
            allowed = min(allowed, limits.ratio * max(archive.stat().st_size, _CHUNK_BYTES))
        stream = gzip.GzipFile(fileobj=file) if zipped else file
        yield cast(IO[bytes], _Bounded(cast(IO[bytes], stream), archive, allowed, limits.header_bytes))


class _Bounded:
    """A stream that refuses long reads and far positions: tarfile reads a header into memory whatever its size."""

    def __init__(self, stream: IO[bytes], archive: Path, total_bytes: int, read_bytes: int) -> None:
        self._stream = stream
        self._archive = archive
        self._total_bytes = total_bytes
        self._read_bytes = read_bytes

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; a well-behaved reader never asks for all of them."""
        if not 0 <= size <= self._read_bytes:
            raise WeightsError(f"{self._archive} is refused: it has a header of {size} bytes, which no release has")
        self._refuse_beyond(self._stream.tell() + size)
        return self._stream.read(size)

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        """Moves to a position counted from the start."""
        if whence != os.SEEK_SET:
            raise OSError("only positions from the start are supported")
        self._refuse_beyond(position)
        return self._stream.seek(position)

    def tell(self) -> int:
        """The position from the start."""
        return self._stream.tell()

    def _refuse_beyond(self, position: int) -> None:
        if position > self._total_bytes + self._read_bytes:
            raise WeightsError(f"{self._archive} is refused: it unpacks to more than {self._total_bytes} bytes")


def _checked(entries: Iterable[_Entry], archive: Path, limits: ArchiveLimits) -> Iterator[_Entry]:
    """Yields the entries, up to the first that no release's archive has.

    Raises:
        WeightsError: an entry is unsafe, or the entries are too many or too large.
    """
    total = 0
    # Small archives may compress well: a list of names, a test's zeros.
    allowed = min(limits.total_bytes, limits.ratio * max(archive.stat().st_size, _CHUNK_BYTES))
    for count, entry in enumerate(entries, start=1):
        total += entry.size
        problem = ""
        if count > limits.entries:
            problem = f"more than {limits.entries} entries"
        elif _leads_out(entry.name):
            problem = f"the entry {quoted(entry.name)!r}, whose path leads out of the folder"
        elif entry.kind not in ("file", "folder"):
            problem = f"the entry {quoted(entry.name)!r}, which is {entry.kind}"
        elif entry.size > limits.member_bytes or total > allowed:
            size = archive.stat().st_size
            problem = (
                f"{size} bytes that claim to unpack to {total} or more, at {quoted(entry.name)!r}: a decompression bomb"
            )
        elif entry.name.endswith("data.pkl") and entry.size > limits.pickle_bytes:
            problem = (
                f"a pickle of {entry.size} bytes, {quoted(entry.name)!r}, which is more than names and shapes take"
            )
        if problem:
            raise WeightsError(f"{archive} is refused, and nothing was unpacked: it has {problem}")
        yield entry


def _leads_out(name: str) -> bool:
    """Whether a path is absolute, has a drive, climbs out, or contains what no file name may, on any system."""
    parts = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or ".." in parts or parts[0].endswith(":") or "\0" in name or not name


def _only(member: str, entries: list[_Entry], archive: Path) -> int:
    """Index of the one file of that name.

    Raises:
        WeightsError: there is no such file, or there are several.
    """
    found = [index for index, entry in enumerate(entries) if entry.name == member and entry.kind == "file"]
    if len(found) == 1:
        return found[0]
    if found:
        raise WeightsError(f"{archive} is refused: it holds {len(found)} files named {member}")
    names = [entry.name for entry in entries if entry.kind == "file"]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    held = ", ".join(quoted(name) for name in names[:5]) + more or "nothing"
    raise WeightsError(f"{archive} does not hold {member}, but {held}: is it another model's archive?")


def _written(source: IO[bytes], size: int, target: Path) -> Path:
    """Copies exactly `size` bytes to a file that appears only when it is whole."""
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=target.parent) as aside:
        partial = Path(aside, "partial")
        written = 0
        with partial.open("wb") as file:
            while written <= size and (chunk := source.read(_CHUNK_BYTES)):
                written += file.write(chunk)
        if written != size:
            raise EOFError(f"{target.name} has {written} bytes instead of {size}")
        partial.replace(target)
    return target
