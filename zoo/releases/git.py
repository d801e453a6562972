"""Calls git such that neither the user's environment nor a repository's own settings change what it does."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from zoo.errors import ReleaseError

# Set by git for its hooks and aliases: they would redirect a call to another repository.
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
    # A server that sends less than this (bytes/s) for this time (s) counts as gone.
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "maintenance.auto": "false",
}


class GitError(Exception):
    """A call of git that failed; the message is git's output."""


def require_git(purpose: str) -> str:
    """Path of git.

    Args:
        purpose: what git is needed for, in words, for the message.

    Raises:
        ReleaseError: git is not in PATH.
    """
    found = shutil.which("git")
    if found is None:
        raise ReleaseError(f"git is not in PATH, and is needed {purpose}: install it (for example: apt install git)")
    return found


def run(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Runs git in `folder` and returns its standard output.

    Raises:
        GitError: the call failed.
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
