"""A mirror: a folder or a URL with the files laid out as in the cache."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from zoo.checkpoints.errors import FetchError, TooLargeError
from zoo.checkpoints.partial import PartialFile
from zoo.checkpoints.progress import size_text
from zoo.checkpoints.settings import FetchSettings, without_password
from zoo.checkpoints.storage import explained

_CHUNK_BYTES = 1 << 22


def mirror_folder(mirror: str) -> Path | None:
    """The folder of a mirror; None if the mirror is a URL.

    Raises:
        FetchError: the mirror is neither.
    """
    try:
        parts = urlsplit(mirror)
    except ValueError as error:
        raise FetchError(
            f"the mirror {without_password(mirror)!r} is not a URL ({error}): give a folder or a URL"
        ) from error
    if parts.scheme in ("http", "https"):
        return None
    if "://" in mirror and parts.scheme != "file":
        raise FetchError(f"the mirror {mirror} is not an http or https URL: give one, or a folder")
    return Path(unquote(parts.path) if parts.scheme == "file" else mirror).expanduser()


def mirror_url(mirror: str, path: PurePosixPath) -> str:
    """The URL of a file in a mirror that is a URL."""
    return f"{mirror.rstrip('/')}/{quote(str(path))}"


def copy(folder: Path, path: PurePosixPath, url: str, part: PartialFile, settings: FetchSettings) -> None:
    """Copies a file from a mirror's folder; afterwards `part.path` is the whole file.

    Args:
        folder: the mirror's folder.
        path: the file's path in it.
        url: the file's URL at its release, for messages.
        part: the file to write.
        settings: the size of the largest file that is accepted, and the listener for the progress.

    Raises:
        TooLargeError: the file is larger than that.
        FetchError: the mirror does not hold the file, or it cannot be copied.
    """
    source = folder / path
    if not folder.is_dir():
        raise FetchError(
            f"the mirror {folder} is not a folder: give a copy of a cache's `checkpoints` folder, or a URL"
        )
    if not source.is_file():
        raise FetchError(
            f"the mirror {folder} holds no {path}: put {url} there under that path, as "
            "`python -m zoo fetch` does in its cache's folder `checkpoints`"
        )
    part.discard()
    listener, limit_bytes = settings.listener, settings.limit_bytes
    with explained(part.path):
        total_bytes = source.stat().st_size
        if total_bytes > limit_bytes:
            raise TooLargeError(str(source), f"has {size_text(total_bytes)}", limit_bytes)
        part.path.parent.mkdir(parents=True, exist_ok=True)
        done_bytes = 0
        try:
            with source.open("rb") as opened, part.path.open("wb") as file:
                listener.started(part.target.name, 0, total_bytes)
                while chunk := opened.read(_CHUNK_BYTES):
                    done_bytes += file.write(chunk)
                    listener.advanced(done_bytes)
        finally:
            listener.finished()
