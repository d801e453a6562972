"""The documents of the project."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")],
    key=lambda page: page.as_posix(),
)
