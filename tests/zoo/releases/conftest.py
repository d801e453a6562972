"""Fixtures for the tests of original code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fakes.releases import FILES, URL, Upstream, commit, git


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Upstream:
    """A repository with one commit, and a git user whose configuration points to it."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    folder, config = tmp_path / "upstream", tmp_path / "gitconfig"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    made = Upstream(folder, config, "")
    # Line ends that the user's settings would change on the way.
    for name, value in {"user.name": "A", "user.email": "a@invalid", "core.autocrlf": "true"}.items():
        made.configure(name, value)
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "core.autocrlf", "false")
    made.commit = commit(folder, FILES)
    made.configure(f"url.{folder.as_uri()}.insteadOf", URL)
    return made
