"""The record that a module of this package defines for each of its commands."""

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
    """Runs the command; returns the exit code."""
    description: str | None = None
    """Help text before the options, printed as it is."""
    epilog: str | None = None
    """Help text after the options, printed as it is."""
    takes_artifacts: bool = False
    """Whether `--artifacts DIR` makes it measure what another machine converted."""
    spelled_out: Callable[[Sequence[str]], Sequence[str]] = _as_given
    """Completes the words after the command's name by those that the user may omit."""
