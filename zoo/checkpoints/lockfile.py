"""The lock file: the digest that each released file had when it was first fetched, for a team to commit.

One line per file, sorted by URL, so that two people's additions merge and a change shows as one line.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from foundation.replacing import replace_text
from zoo.checkpoints.errors import FetchError
from zoo.checkpoints.settings import FetchListener
from zoo.checkpoints.storage import alone, explained

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_HEADER = """\
# SHA-256 of released checkpoints when they were first fetched, written by `python -m zoo fetch`.
# Commit this file: whoever fetches with it gets these files or an error. A line with # names a member of an archive.

version = 1

[sha256]
"""
_SHA256 = re.compile(r"[0-9a-f]{64}")


class LockFile:
    """Digests of released files by URL. A file that does not exist counts as empty."""

    def __init__(self, path: Path, guard: Path, listener: FetchListener) -> None:
        """Reads nothing yet.

        Args:
            path: the lock file.
            guard: the path that a process locks while it writes the file, so that no other writes it at the same time.
            listener: informed when another process is waited for.
        """
        self.path = path
        self._guard = guard
        self._listener = listener

    def read(self) -> dict[str, str]:
        """All digests by URL.

        Raises:
            FetchError: the file cannot be read, or is not a lock file.
        """
        with explained(self.path):
            try:
                text = self.path.read_text(encoding="utf-8")
            except FileNotFoundError:
                return {}
            except UnicodeDecodeError as error:
                raise self._damaged(str(error)) from error
        try:
            document = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise self._damaged(str(error)) from error
        if document.get("version") != 1:
            raise self._damaged(f"version {document.get('version')!r} instead of 1")
        digests = document.get("sha256", {})
        if not isinstance(digests, dict):
            raise self._damaged("sha256 is not a table")
        for url, digest in digests.items():
            if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
                raise self._damaged(f"{url} has {digest!r} instead of 64 hexadecimal digits")
        return digests

    def pin(self, digests: Mapping[str, str]) -> None:
        """Adds the digests of files that have none yet.

        Raises:
            FetchError: a file has another digest in the lock file, or that cannot be written.
        """
        if digests.items() <= self.read().items():
            return
        with alone(self._guard, self._listener):
            known = self.read()
            for url, digest in digests.items():
                if known.setdefault(url, digest) != digest:
                    raise FetchError(
                        f"{self.path} has {known[url]} for {url}, and another process fetched a file of {digest}: "
                        "fetch again"
                    )
            lines = [f"{json.dumps(url)} = {json.dumps(known[url])}\n" for url in sorted(known)]
            with explained(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                replace_text(self.path, _HEADER + "".join(lines))

    def _damaged(self, why: str) -> FetchError:
        return FetchError(
            f"{self.path} is not a lock file of checkpoints ({why}): fix it, as after a merge, or give another --lock"
        )
