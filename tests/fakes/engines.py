"""Results of builds, as a building process answers."""

from __future__ import annotations

from pathlib import Path

from harness.backends.backend import BuiltEngine
from harness.processes.build import BuildResult


def build_result(build_s: float = 1.0, *, cached: bool = False) -> BuildResult:
    """A build that ended well."""
    return BuildResult("ok", engine=BuiltEngine(Path("engine"), "digest", 1.0, build_s, cached, "fp16"))
