"""Released checkpoints: fetched from the releases' servers, verified against digests, kept in one cache.

from zoo.checkpoints import FetchSettings, fetch
fetched = fetch(zoo.card("regnet/RegNetY-200MF"), FetchSettings(lock=Path("checkpoints.lock.toml")))
fetched.path, fetched.sha256
"""

from __future__ import annotations

from zoo.checkpoints.errors import FetchError, UnreachableError
from zoo.checkpoints.fetching import fetch
from zoo.checkpoints.settings import FetchedCheckpoint, FetchListener, FetchSettings, Patience

__all__ = [
    "FetchError",
    "FetchListener",
    "FetchSettings",
    "FetchedCheckpoint",
    "Patience",
    "UnreachableError",
    "fetch",
]
