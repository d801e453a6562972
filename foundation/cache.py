"""Where artifacts, engines and the reference network are kept."""

from __future__ import annotations

import os
from pathlib import Path

_NAME = "baseline-zoo"


def default_cache_dir() -> Path:
    """The user's cache directory for this project, as `converters.artifact.default_cache_dir`.

    A machine that only measures may lack platformdirs. What it does on Linux is the XDG base directory
    specification's rule.
    """
    try:
        import platformdirs
    except ImportError:
        named = os.environ.get("XDG_CACHE_HOME", "").strip()
        return (Path(named) if named else Path.home() / ".cache") / _NAME
    return Path(platformdirs.user_cache_dir(_NAME, appauthor=False))
