"""Files that survive being killed at any moment: atomic replacement, with errors that say what to do.

There are two rules. A file that is rewritten is replaced as a whole (`foundation.replacing`). A journal
(`harness.files.journal`) is only appended to, one line at a time and synced; a line counts once its newline is on
disk, and what follows the last newline after a crash is cut off.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foundation import replacing
from foundation.system_errors import is_not_allowed, is_out_of_space
from foundation.wording import cause
from harness.errors import StorageError

TRIAL_FOLDER_PREFIX = "trial-"
"""Prefix of the name of the folder that a trial works in while it runs."""

# Temporary files of earlier versions.
_EARLIER_LEFTOVERS = ("*.npz.partial", "reference.onnx.*.partial")


@contextlib.contextmanager
def explained(path: Path, *, option: str = "--output", kept: str = "Every finished trial") -> Iterator[None]:
    """Turns an `OSError` about `path` into a `StorageError` that says what to do next.

    Args:
        path: what is read or written inside.
        option: the option that decides where it is.
        kept: what is stored already, as the beginning of a sentence.

    Raises:
        StorageError: an `OSError` was raised inside.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(_explanation(error, path, option, kept)) from error


def _explanation(error: OSError, path: Path, option: str, kept: str) -> str:
    if is_out_of_space(error):
        return (
            f"No space left to write {path} ({error.strerror}). {kept} is still stored. "
            f"Free some space and repeat the command with the same {option}: it resumes where it stopped."
        )
    if is_not_allowed(error):
        return (
            f"Not allowed to write {path} ({error.strerror}). Give {option} a directory that you may write "
            "to, or change the permissions of this one."
        )
    return (
        f"Cannot use {path} ({cause(error)}). Check the path and the disk it is on, then repeat "
        f"the command with the same {option}, or give another."
    )


def replace_text(path: Path, text: str) -> None:
    """Writes `text` to `path` in UTF-8 so that a reader never sees a part of it.

    Raises:
        StorageError: the text cannot be written; the former content of `path` is then untouched.
    """
    with explained(path):
        replacing.replace_text(path, text)


def replace_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON, in the same way as `replace_text`."""
    with explained(path):
        replacing.replace_json(path, value)


def remove_temporary_files(directory: Path) -> None:
    """Removes what a process that was killed while it replaced a file, or during a trial, left in `directory`."""
    import shutil  # Loads three decompressors, which no measuring process needs.

    replacing.remove_temporary_files(directory)
    for pattern in _EARLIER_LEFTOVERS:
        for path in directory.glob(pattern):
            path.unlink(missing_ok=True)
    for path in directory.glob(f"{TRIAL_FOLDER_PREFIX}*"):
        shutil.rmtree(path, ignore_errors=True)
