"""A file that is being downloaded: the part that is there, and the version of the file that it belongs to."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from foundation.replacing import replace_json
from zoo.checkpoints.errors import TransientError
from zoo.checkpoints.storage import explained

# No more digits than a file's size has.
_LENGTH = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


@dataclasses.dataclass(frozen=True)
class Version:
    """What a server states about the version of a file that it sends."""

    url: str
    etag: str
    last_modified: str
    total_bytes: int | None

    @property
    def validator(self) -> str:
        """The value for `If-Range` (RFC 9110, section 13.1.5): a strong entity tag, or else a date; may be empty."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified


class PartialFile:
    """The part of a file that is there, with a note of its version beside it.

    A part without a version that the server can be asked about is never resumed.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        """Bytes that are there."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def discard(self) -> None:
        """Removes what is there."""
        with explained(self.path):
            self.path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)

    def headers(self, url: str) -> dict[str, str]:
        """Headers that ask for the rest of the same version, or for all of another; empty if nothing can be resumed."""
        version = self._version()
        if version is None or version.url != url or not version.validator or not self.size:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": version.validator}

    def open(self, url: str, status: int, headers: Mapping[str, str]) -> BinaryIO:
        """Opens the file for writing from where the server's answer begins.

        Args:
            url: the URL that was requested.
            status: status of the answer: 200, the whole file; 206, the rest.
            headers: headers of the answer.

        Raises:
            TransientError: the answer does not continue what is there, which is now removed.
            FetchError: the file cannot be written.
        """
        if status == 206:
            self._check_rest(headers)
            with explained(self.path):
                return self.path.open("ab")
        length = headers.get("Content-Length", "")
        total_bytes = int(length) if _LENGTH.fullmatch(length) and "Transfer-Encoding" not in headers else None
        version = Version(url, headers.get("ETag", ""), headers.get("Last-Modified", ""), total_bytes)
        with explained(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Emptied before the note changes: a process killed between the two leaves nothing to mix.
            self.path.write_bytes(b"")
            replace_json(self._note, dataclasses.asdict(version))
            return self.path.open("ab")

    @property
    def total_bytes(self) -> int | None:
        """Size of the whole file; None if the server did not state it."""
        version = self._version()
        return version.total_bytes if version else None

    def complete(self) -> bool:
        """Whether all of the file is there, as far as the server stated its size."""
        return self.total_bytes is None or self.size == self.total_bytes

    def _version(self) -> Version | None:
        try:
            version = Version(**json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return version if isinstance(version.total_bytes, int | None) else None

    def _check_rest(self, headers: Mapping[str, str]) -> None:
        """Refuses an answer that does not continue what is there: some servers ignore `If-Range`."""
        version = self._version()
        found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
        total_bytes = int(found[3]) if found and found[3] != "*" else None
        if (
            version is None
            or found is None
            or int(found[1]) != self.size
            or (version.total_bytes is not None and total_bytes not in (None, version.total_bytes))
            or headers.get("ETag", version.etag) != version.etag
            or headers.get("Last-Modified", version.last_modified) != version.last_modified
        ):
            self.discard()
            raise TransientError("the file changed on the server while it was fetched")
