"""Checkouts of the original releases in the cache: made by git, whole or not at all, and never edited."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from foundation.cache import default_cache_dir
from foundation.system_errors import is_out_of_space
from foundation.units import BYTES_PER_MIB
from zoo.errors import MissingSourcesError, ReleaseError
from zoo.releases.git import GitError, require_git, run
from zoo.releases.integrity import departure
from zoo.releases.pins import Pin, all_sources

LOCK_TIMEOUT_S = 3600.0
"""How long one process waits for another that is cloning the same repository."""

# Files stay byte for byte as committed: no line ends are changed, and none of the user's filters run.
_ATTRIBUTES = "* -text -filter -ident -working-tree-encoding\n"
_UNREACHABLE = (
    "could not resolve",
    "could not read from remote",
    "could not read username",
    "unable to access",
    "unable to connect",
    "connection",
    "timed out",
    "does not appear to be a git repository",
    "does not exist",
    "not found",
    "authentication failed",
)
_NO_SPACE = ("no space left on device", "disk quota exceeded")

Listener = Callable[[str], None]


def releases_dir(cache_dir: Path | None = None) -> Path:
    """Where checkouts are kept.

    Args:
        cache_dir: the cache; the user's by default.
    """
    return (cache_dir or default_cache_dir()) / "releases"


def checkout_dir(pin: Pin, cache_dir: Path | None = None) -> Path:
    """Path of a pin's checkout, whether it exists or not."""
    return releases_dir(cache_dir) / pin.folder_name


def fetch_command(pin: Pin) -> str:
    """The command that fetches a pin."""
    users = [source.source for source in all_sources().values() if pin in source.pins]
    return " ".join(["python -m zoo fetch --sources", *users[:1]])


def find(pin: Pin, cache_dir: Path | None = None) -> Path:
    """The checkout of a pin, verified against its commit.

    Raises:
        MissingSourcesError: the checkout is missing; the message names the command that fetches it.
        ReleaseError: the checkout is no longer the pinned commit.
    """
    folder = checkout_dir(pin, cache_dir)
    if not folder.is_dir():
        raise MissingSourcesError(
            f"the original code is missing: {pin.repository} at {pin.commit[:12]} is expected in {folder}; "
            f"fetch it with: {fetch_command(pin)}"
        )
    if difference := departure(folder, pin):
        raise ReleaseError(
            f"{folder} is not {pin.repository} at {pin.commit[:12]} as released: {difference}; "
            f"remove the folder, then fetch it again with: {fetch_command(pin)}"
        )
    return folder


def check_out(pin: Pin, cache_dir: Path | None = None, listener: Listener = lambda _: None) -> Path:
    """The checkout of a pin, cloned if it is missing.

    Two processes that want the same one at once share one clone. A clone is prepared aside, moved into its place,
    and verified against the commit.

    Args:
        pin: what to check out.
        cache_dir: the cache; the user's by default.
        listener: receives a line about what takes long.

    Raises:
        ReleaseError: git is missing, the repository cannot be reached or has no such commit, the disk is full, or the
            folder in its place is not the pinned commit.
    """
    from filelock import FileLock, Timeout

    require_git(f"to fetch {pin.repository}")
    folder = checkout_dir(pin, cache_dir)
    lock = folder.with_name(f".{folder.name}.lock")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=LOCK_TIMEOUT_S):
            if not folder.is_dir():
                listener(f"{pin.name}: cloning {pin.repository} at {pin.commit[:12]}")
                _make(pin, folder)
            return find(pin, cache_dir)
    except Timeout as error:
        raise ReleaseError(
            f"another process has been cloning {pin.repository} for {LOCK_TIMEOUT_S / 60:.0f} minutes and holds "
            f"{lock}: end it, then run again: {fetch_command(pin)}"
        ) from error
    except OSError as error:
        reason = _out_of_space(folder.parent) if is_out_of_space(error) else str(error)
        raise ReleaseError(
            f"{pin.repository} cannot be kept in {folder}: {reason}; then run again: {fetch_command(pin)}"
        ) from error


def _make(pin: Pin, folder: Path) -> None:
    """Clones into a folder aside, in the cheapest way that the server allows, and moves it into place."""
    # The whole history is requested only if the server does not serve a single commit by its id.
    ways = [("--depth=1", "--filter=blob:none")] if pin.folders else []
    for options in [*ways, ("--depth=1",), ()]:
        with tempfile.TemporaryDirectory(prefix=".staging-", dir=folder.parent, ignore_cleanup_errors=True) as aside:
            # Unlike the folder around it, this one is readable by whoever may read the cache.
            staged = Path(aside, "tree")
            staged.mkdir()
            try:
                _clone(pin, staged, options)
                staged.replace(folder)
            except GitError as error:
                if told := _hopeless(pin, str(error), folder.parent):
                    raise ReleaseError(told) from error
                failure = error
            else:
                return
    raise ReleaseError(
        f"{pin.repository} does not serve commit {pin.commit}: {_last_line(str(failure))}; "
        "check that `git config url.<base>.insteadOf` points to a complete mirror of it, "
        f"then run again: {fetch_command(pin)}"
    )


def _clone(pin: Pin, staged: Path, options: tuple[str, ...]) -> None:
    # Without a template, none of the user's hooks are copied.
    run(staged, "init", "--quiet", "--template=", ".")
    info = staged / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text(_ATTRIBUTES, encoding="utf-8")
    if pin.folders:
        run(staged, "config", "core.sparseCheckout", "true")
        patterns = ["/LICENSE*", *(f"/{name}/" for name in pin.folders)]
        (info / "sparse-checkout").write_text("\n".join(patterns) + "\n", encoding="utf-8")
    run(staged, "remote", "add", "origin", pin.repository)
    wanted = [pin.commit] if options else ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
    run(staged, "fetch", "--quiet", "--no-tags", *options, "origin", *wanted)
    run(staged, "checkout", "--quiet", "--detach", pin.commit)


def _hopeless(pin: Pin, text: str, folder: Path) -> str:
    """The message for a failure that no other way of cloning would avoid; empty if one might."""
    lower = text.lower()
    if any(words in lower for words in _NO_SPACE):
        reason = _out_of_space(folder)
        return f"{pin.repository} cannot be kept in {folder}: {reason}; then run again: {fetch_command(pin)}"
    # A refused object is the server's answer, so there is a connection.
    if "not our ref" not in lower and "unadvertised object" not in lower:
        for words in _UNREACHABLE:
            if words in lower:
                return (
                    f"{pin.repository} cannot be reached: {_last_line(text)}; check the network, or point git to a "
                    f"mirror with: git config --global url.<mirror>.insteadOf {pin.repository}; "
                    f"then run again: {fetch_command(pin)}"
                )
    return ""


def _out_of_space(folder: Path) -> str:
    free_mib = shutil.disk_usage(folder).free / BYTES_PER_MIB
    return f"no space left, {free_mib:.0f} MiB are free; make room, or give --cache-dir"


def _last_line(text: str) -> str:
    """The line of git's output that most often states the reason, not its hint to check access rights."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reasons = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))]
    return (reasons or lines or [text])[0]
