"""Versions of installed packages."""

from __future__ import annotations

import importlib.metadata


def package_version(name: str) -> str | None:
    """Version of an installed package, read without importing it; None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
