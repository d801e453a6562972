"""What a caller decides about fetching, and what it gets."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import tempfile
from pathlib import Path

from foundation.cache import default_cache_dir

MIRROR_VARIABLE = "BASELINE_ZOO_MIRROR"
"""Environment variable that names a mirror where no setting does."""

LARGEST_FILE_BYTES = 4 << 30
"""No release's file is nearly as large: RegNetY-32GF, the largest network, has 1.2 GB with its optimiser's momenta."""


def without_password(url: str) -> str:
    """A URL without the name and the password before its host: messages end in logs and tables."""
    return re.sub(r"^(https?://)[^/]*@", r"\1", url, flags=re.IGNORECASE)


class FetchListener:
    """Is told how far one file's download is; this one tells nobody. Subclasses override what they show."""

    def started(self, name: str, done_bytes: int, total_bytes: int | None) -> None:
        """A download begins, or begins again; `done_bytes` of an earlier attempt are there already."""

    def advanced(self, done_bytes: int) -> None:
        """So many bytes of the file are there now."""

    def finished(self) -> None:
        """The download ended, well or not."""

    def note(self, text: str) -> None:
        """A line that a person may want to know: an attempt that failed, a wait for another process."""


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long a download is waited for, and how often it is tried again."""

    connect_s: float = 10.0
    silence_s: float = 30.0
    """Without a single byte, after which an attempt has failed."""
    window_s: float = 60.0
    """Stretch of time in which at least `window_bytes` must come: a trickle is not a download."""
    window_bytes: int = 1 << 16
    attempts: int = 5
    """Attempts in a row that bring less than `progress_bytes`."""
    connect_attempts: int = 2
    """The same where no connection comes about: without a network one wants to know soon."""
    progress_bytes: int = 1 << 20
    """What an attempt must bring for the count of failed ones to start anew."""
    backoff_s: float = 1.0
    """Wait before the second attempt; doubled before each further one."""
    backoff_limit_s: float = 60.0
    """Longest wait, whatever a server asks for."""


@dataclasses.dataclass(frozen=True)
class FetchSettings:
    """Where checkpoints are kept, where they come from and what they are held against."""

    cache_dir: Path | None = None
    """The project's cache directory; None for the user's. Checkpoints lie in its folder `checkpoints`."""
    mirror: str = ""
    """A folder or a URL that is asked instead of the releases' own servers; where empty, what the environment
    variable BASELINE_ZOO_MIRROR names."""
    lock: Path | None = None
    """The lock file with the digests; None for the cache's own, `checkpoints/lock.toml`."""
    offline: bool = False
    """Use what the cache or a mirror's folder holds, and no network."""
    listener: FetchListener = dataclasses.field(default_factory=FetchListener, compare=False)
    patience: Patience = Patience()
    limit_bytes: int = LARGEST_FILE_BYTES
    """A larger file is refused, and so is one that goes on beyond that."""

    @property
    def folder(self) -> Path:
        """Where checkpoints lie."""
        return (self.cache_dir or default_cache_dir()) / "checkpoints"

    @property
    def chosen_mirror(self) -> str:
        """The mirror, by setting or by environment; empty where there is none."""
        return self.mirror or os.environ.get(MIRROR_VARIABLE, "").strip()

    @property
    def shown_mirror(self) -> str:
        """The mirror as messages have it."""
        return without_password(self.chosen_mirror)

    @property
    def lock_path(self) -> Path:
        """The lock file."""
        return self.lock or self._own_lock

    @property
    def lock_guard(self) -> Path:
        """What a process holds while it writes the lock file (`zoo.checkpoints.storage.alone`).

        For a file outside the cache, which several caches may share and a team keeps beside its code, it is in the
        folder for temporary files, one for each such file and user.
        """
        place = self.lock_path.resolve()
        if place == self._own_lock.resolve():
            return self.folder / "lock-file"
        user = getattr(os, "getuid", lambda: 0)()
        # Names that are no text are allowed on some systems.
        key = hashlib.sha256(f"{user} {place}".encode(errors="surrogateescape")).hexdigest()
        return Path(tempfile.gettempdir(), f"baseline-zoo-{key[:16]}")

    @property
    def _own_lock(self) -> Path:
        return self.folder / "lock.toml"


@dataclasses.dataclass(frozen=True)
class FetchedCheckpoint:
    """A released checkpoint on this machine, held against its digest."""

    path: Path
    """The checkpoint itself; where the release packs it into an archive, the member taken out of it."""
    sha256: str
    """Of `path`."""
    url: str
    """Where the release keeps it, as the card states."""
    tag: str
    """The release's own name of these weights; may be empty."""
    download_sha256: str
    """Of the file that the URL gives; the same as `sha256` where that is no archive."""
