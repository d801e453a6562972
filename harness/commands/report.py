"""`harness report`: the table and the picture of a run, written again."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.commands.command import Command
from harness.commands.options.directory import DEFAULT_OUTPUT
from harness.errors import EXIT_SUCCESS, HarnessError
from harness.text.console import say
from reports.options import add_training
from reports.training import ALONE, Training


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("output", nargs="?", type=Path, default=DEFAULT_OUTPUT, metavar="DIR", help="the run directory")
    add_training(parser)


def _report(arguments: argparse.Namespace) -> int:
    """Writes the reports of an earlier run again."""
    if not _results_of(arguments.output).is_file():
        raise HarnessError(f"{arguments.output} holds no results.csv; give the directory of a run")
    write_all(arguments.output, arguments.training)
    return EXIT_SUCCESS


def write_all(output: Path, training: Training = ALONE) -> None:
    """Writes every report of a run directory that has results, and prints the paths of its files.

    Args:
        output: the run directory.
        training: the networks that the frontier is among.
    """
    from reports.write import write_reports

    results = _results_of(output)
    if not results.is_file():
        return
    written = write_reports(output, training)
    for note in written.notes:
        say(note)
    for path in (results, *written.paths):
        print(path)


def _results_of(output: Path) -> Path:
    return output / "results.csv"


REPORT = Command(_add_options, _report)
