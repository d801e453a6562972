"""A git repository that stands in for a release's, and a pin on it."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Mapping
from pathlib import Path

from zoo.releases.pins import Pin

URL = "https://releases.invalid/toy"
FILES = {
    "LICENSE": "Free.\n",
    ".gitignore": "__pycache__/\n*.log\n",
    "toy/__init__.py": "",
    "toy/network.py": "WIDTH = 3\n",
    "toy/lines.txt": "kept\r\nas they are\n",
    "other/large.txt": "not needed\n" * 100,
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, files: Mapping[str, str]) -> str:
    """Commits files to a repository and returns the commit's ID."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message", "as it was released")
    return git(folder, "rev-parse", "HEAD")


@dataclasses.dataclass
class Upstream:
    """A repository at a URL that is not served, to which git is redirected by `url.<base>.insteadOf`."""

    folder: Path
    config: Path
    """The user's git configuration."""
    commit: str

    def pin(self, *folders: str, commit: str = "", name: str = "toy") -> Pin:
        return Pin(name, URL, commit or self.commit, folders)

    def configure(self, name: str, value: str) -> None:
        subprocess.run(["git", "config", "--file", self.config, name, value], check=True)
