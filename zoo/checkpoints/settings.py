"""The settings of fetching, and its result."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import tempfile
from pathlib import Path

from foundation.cache import default_cache_dir

MIRROR_VARIABLE = "BASELINE_ZOO_MIRROR"
"""Environment variable that names a mirror if no setting does."""

LARGEST_FILE_BYTES = 4 << 30
"""No release's file comes near this: RegNetY-32GF, the largest network, has 1.2 GB with its optimiser's momenta."""


def without_password(url: str) -> str:
    """A URL without the user name and the password before its host: messages end up in logs and tables."""
    return re.sub(r"^(https?://)[^/]*@", r"\1", url, flags=re.IGNORECASE)


class FetchListener:
    """Receives the progress of one file's download; this class ignores it. Subclasses override what they show."""

    def started(self, name: str, done_bytes: int, total_bytes: int | None) -> None:
        """A download begins, or begins again; `done_bytes` of an earlier attempt are already there."""

    def advanced(self, done_bytes: int) -> None:
        """`done_bytes` of the file are there now."""

    def finished(self) -> None:
        """The download ended, successfully or not."""

    def note(self, text: str) -> None:
        """A line that the user may want to see: an attempt that failed, a wait for another process."""


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long to wait for a download, and how often to retry it."""

    connect_s: float = 10.0
    silence_s: float = 30.0
    """Time without a single byte after which an attempt has failed."""
    window_s: float = 60.0
    """Period in which at least `window_bytes` must come: a trickle is not a download."""
    window_bytes: int = 1 << 16
    attempts: int = 5
    """Consecutive attempts that bring less than `progress_bytes`."""
    connect_attempts: int = 2
    """The same if no connection can be made: without a network the user wants to know soon."""
    progress_bytes: int = 1 << 20
    """What an attempt must bring to reset the count of failed ones."""
    backoff_s: float = 1.0
    """Wait before the second attempt; doubled before each further one."""
    backoff_limit_s: float = 60.0
    """Longest wait, whatever a server asks for."""


@dataclasses.dataclass(frozen=True)
class FetchSettings:
    """Where checkpoints are kept, where they come from and what they are verified against."""

    cache_dir: Path | None = None
    """The project's cache directory; None for the user's. Checkpoints are in its folder `checkpoints`."""
    mirror: str = ""
    """A folder or a URL to fetch from instead of the releases' own servers; if empty, the one that the environment
    variable BASELINE_ZOO_MIRROR names."""
    lock: Path | None = None
    """The lock file with the digests; None for the cache's own, `checkpoints/lock.toml`."""
    offline: bool = False
    """Use only files in the cache or a mirror's folder, and no network."""
    listener: FetchListener = dataclasses.field(default_factory=FetchListener, compare=False)
    patience: Patience = Patience()
    limit_bytes: int = LARGEST_FILE_BYTES
    """A larger file is refused, and so is one that turns out to be larger."""

    @property
    def folder(self) -> Path:
        """The folder of the checkpoints."""
        return (self.cache_dir or default_cache_dir()) / "checkpoints"

    @property
    def chosen_mirror(self) -> str:
        """The mirror, by setting or by environment; empty if there is none."""
        return self.mirror or os.environ.get(MIRROR_VARIABLE, "").strip()

    @property
    def shown_mirror(self) -> str:
        """The mirror as messages show it."""
        return without_password(self.chosen_mirror)

    @property
    def lock_path(self) -> Path:
        """The lock file."""
        return self.lock or self._own_lock

    @property
    def lock_guard(self) -> Path:
        """The path that a process locks while it writes the lock file (`zoo.checkpoints.storage.alone`).

        For a file outside the cache, which several caches may share and a team keeps beside its code, it is in the
        folder for temporary files, one per file and user.
        """
        place = self.lock_path.resolve()
        if place == self._own_lock.resolve():
            return self.folder / "lock-file"
        user = getattr(os, "getuid", lambda: 0)()
        # Some systems allow names that are not text.
        key = hashlib.sha256(f"{user} {place}".encode(errors="surrogateescape")).hexdigest()
        return Path(tempfile.gettempdir(), f"baseline-zoo-{key[:16]}")

    @property
    def _own_lock(self) -> Path:
        return self.folder / "lock.toml"


@dataclasses.dataclass(frozen=True)
class FetchedCheckpoint:
    """A released checkpoint on this machine, verified against its digest."""

    path: Path
    """The checkpoint itself; if the release packs it into an archive, the extracted member."""
    sha256: str
    """Digest of `path`."""
    url: str
    """The release's URL, as the card states it."""
    tag: str
    """The release's own name of these weights; may be empty."""
    download_sha256: str
    """Digest of the file at the URL; the same as `sha256` unless that is an archive."""
