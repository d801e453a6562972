"""The words of a command, as they are carried to another host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_PATHS = ("--images", "--ground-truth", "--cache-images", "--custom-operators", "--calibration-images")
"""Options whose value is a path, which every host has to have."""
_PATHS_OR_NAMES = ("--preprocessing", "--input", "--weights-lock")
"""Options whose value may be a path."""


def without(words: Sequence[str], options: Mapping[str, int]) -> list[str]:
    """The words without some options.

    Args:
        words: words of a command line, options written whole.
        options: the number of values of each option to leave out, 0 or 1.
    """
    kept, skip = [], 0
    for word in words:
        name, equals, _ = word.partition("=")
        if skip:
            skip -= 1
        elif name in options:
            skip = 0 if equals else options[name]
        else:
            kept.append(word)
    return kept


def with_whole_paths(words: Sequence[str]) -> list[str]:
    """The words with paths from the root, so that they mean the same in any folder."""
    return [word if option is None else _whole(option, word) for option, word in _with_option(words)]


def _with_option(words: Sequence[str]) -> Iterator[tuple[str | None, str]]:
    """Each word, with the option of which it is the value."""
    previous = ""
    for word in words:
        name, equals, _ = word.partition("=")
        if equals and name in (*_PATHS, *_PATHS_OR_NAMES):
            yield name, word
        else:
            yield (previous if previous in (*_PATHS, *_PATHS_OR_NAMES) else None), word
        previous = word


def _whole(option: str, word: str) -> str:
    begin = f"{option}=" if word.startswith(f"{option}=") else ""
    path = Path(word[len(begin) :])
    return f"{begin}{path.absolute()}" if option in _PATHS or path.exists() else word
