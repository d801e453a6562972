"""What a module of this room offers for each of its commands."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence


def _as_given(words: Sequence[str]) -> Sequence[str]:
    return words


@dataclasses.dataclass(frozen=True)
class Command:
    """A command of `python -m harness`; its name and its line of help are in `harness.commands`."""

    add_options: Callable[[argparse.ArgumentParser], None]
    """Adds the command's options to its parser."""
    run: Callable[[argparse.Namespace], int]
    """Does it; returns the exit code."""
    description: str | None = None
    """Stands in the help before the options, as it is."""
    epilog: str | None = None
    """Stands in the help after the options, as it is."""
    takes_artifacts: bool = False
    """Whether `--artifacts DIR` has it measure what another machine converted."""
    spelled_out: Callable[[Sequence[str]], Sequence[str]] = _as_given
    """The words after the command's name with what may be left out of them."""
