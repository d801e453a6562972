"""Checks that a checkout is the pinned commit, byte for byte, and contains nothing else.

A commit's id is the digest of its text, which contains the id of its tree, and so on down to the files: git's own
chain, recomputed here. The index and its time stamps, which `git status` trusts, are ignored, and so is every
`.gitignore`, which could hide files: compiled Python beside a source would be run in its stead.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from zoo.releases.git import GitError, run
from zoo.releases.pins import Pin

_LISTED = 3
_LINK_MODE = "120000"


class _BrokenChainError(Exception):
    """An object whose content does not have its id."""


def _object_id(kind: str, content: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


def _objects(folder: Path, ids: list[str]) -> Iterator[tuple[str, str, bytes]]:
    """(wanted id, kind, content) of objects in the checkout's repository."""
    data = run(folder, "cat-file", "--batch", stdin="".join(f"{name}\n" for name in ids).encode())
    position = 0
    for wanted in ids:
        end = data.index(b"\n", position)
        words = data[position:end].decode().split(" ")
        if len(words) != 3:
            raise _BrokenChainError(f"its repository lacks the object {wanted}")
        size = int(words[2])
        yield wanted, words[1], data[end + 1 : end + 1 + size]
        position = end + 1 + size + 1


def _committed_files(folder: Path, commit: str) -> dict[str, tuple[str, str]]:
    """Mode and blob id of every file of a commit by path, as proved by the chain of digests."""
    listing = run(folder, "ls-tree", "-r", "-t", "-z", "--full-tree", commit).decode(errors="surrogateescape")
    trees, files = [], {}
    for entry in filter(None, listing.split("\0")):
        facts, path = entry.split("\t", 1)
        mode, kind, name = facts.split(" ")
        if kind == "tree":
            trees.append(name)
        elif kind == "blob":
            files[path] = (mode, name)
    root = run(folder, "rev-parse", f"{commit}^{{tree}}").decode().strip()
    for wanted, kind, content in _objects(folder, [commit, root, *trees]):
        if _object_id(kind, content) != wanted:
            raise _BrokenChainError(f"the {kind} {wanted} of its repository does not match its id")
        if wanted == commit and not content.startswith(f"tree {root}\n".encode()):
            raise _BrokenChainError(f"the commit {commit} has a tree other than {root}")
    return files


def _present_files(folder: Path) -> Iterator[str]:
    """Paths of the files and links in a checkout, without git's own folder, with `/` between parts."""
    for place, folders, files in os.walk(folder):
        if Path(place) == folder and ".git" in folders:
            folders.remove(".git")
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in (*files, *links):
            yield Path(place, name).relative_to(folder).as_posix()


def _content(path: Path, mode: str) -> bytes:
    if mode == _LINK_MODE and path.is_symlink():
        return os.fsencode(path.readlink())
    return path.read_bytes()


def _named(what: str, paths: list[str]) -> str:
    more = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
    return f"{what} {', '.join(paths[:_LISTED])}{more}" if paths else ""


def departure(folder: Path, pin: Pin) -> str:
    """How a checkout differs from its pinned commit, in words; empty if it does not.

    Args:
        folder: the checkout.
        pin: its commit, and the folders that must be there.

    Raises:
        ReleaseError: git is not in PATH.
    """
    try:
        head = run(folder, "rev-parse", "HEAD").decode().strip()
        if head != pin.commit:
            return f"it is at commit {head}, not at {pin.commit}"
        committed = _committed_files(folder, pin.commit)
    except (GitError, _BrokenChainError) as error:
        return str(error).splitlines()[0]
    present = sorted(_present_files(folder))
    foreign = [path for path in present if path not in committed]
    edited = [
        path
        for path in present
        if path in committed and _object_id("blob", _content(folder / path, committed[path][0])) != committed[path][1]
    ]
    wanted = tuple(f"{name}/" for name in pin.folders)
    missing = sorted(path for path in set(committed) - set(present) if not wanted or path.startswith(wanted))
    told = (_named("edited:", edited), _named("not of the release:", foreign), _named("missing:", missing))
    return "; ".join(filter(None, told))
