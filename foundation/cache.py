"""The cache directory for artifacts, engines, checkpoints and the reference network."""

from __future__ import annotations

import os
from pathlib import Path

_NAME = "baseline-zoo"


def default_cache_dir() -> Path:
    """The user's cache directory for this project, as the platform places it.

    A machine that only measures may lack platformdirs. The fallback follows the XDG base directory specification, as
    platformdirs does on Linux: a path that is not absolute is ignored.
    """
    try:
        import platformdirs
    except ImportError:
        named = Path(os.environ.get("XDG_CACHE_HOME", ""))
        return (named if named.is_absolute() else Path.home() / ".cache") / _NAME
    return Path(platformdirs.user_cache_dir(_NAME, appauthor=False))
