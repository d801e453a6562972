"""Calls git, so that neither the user's surroundings nor a repository's own settings change what it does."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from zoo.errors import ReleaseError

# Set by git for its hooks and aliases: they would turn a call to another repository.
_OF_ANOTHER_REPOSITORY = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
_FIXED = {
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_SETTINGS = {
    "advice.detachedHead": "false",
    "core.autocrlf": "false",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.longpaths": "true",
    "gc.auto": "0",
    # A server that sends less than this for so long is taken for gone.
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "maintenance.auto": "false",
}


class GitError(Exception):
    """A call of git that failed; its text is what git wrote."""


def require_git(purpose: str) -> str:
    """Path of git.

    Args:
        purpose: what it is for, in words, for the message.

    Raises:
        ReleaseError: it is not in PATH.
    """
    found = shutil.which("git")
    if found is None:
        raise ReleaseError(f"git is not in PATH, and is needed {purpose}: install it (as with: apt install git)")
    return found


def run(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """What a call of git in `folder` writes to its standard output.

    Raises:
        GitError: it failed.
        ReleaseError: git is not in PATH.
    """
    settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    environment = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY}
    done = subprocess.run(
        [require_git(f"in {folder}"), *settings, *arguments],
        cwd=folder,
        env={**environment, **_FIXED, "GIT_CEILING_DIRECTORIES": str(folder.parent)},
        input=stdin,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise GitError(done.stderr.decode(errors="replace").strip() or f"git ended with code {done.returncode}")
    return done.stdout
