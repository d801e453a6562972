"""The command line's part for original code: `fetch --sources` and `verify --against-release`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from zoo.errors import ReleaseError, ZooError
from zoo.releases.checkout import check_out
from zoo.releases.comparison import ReleaseComparison
from zoo.releases.pins import pins_of
from zoo.releases.process import Limits
from zoo.releases.table import SUFFIXES, check_output, plain_text, write
from zoo.releases.verification import VerificationSettings, hold_all

OPERATORS_BY = "converters.operators:count"
"""Counts the operators of an exported graph; given by name, since the converters are above this package."""

_DESCRIPTION = """\
Builds each model twice in processes of their own, once as the zoo does and once from the original code
that `python -m zoo fetch --sources` checked out, applies the probe to both, and compares the names,
shapes and types of their tensors, their logits, their numbers of parameters and multiply-adds, and the
operators of their exported graphs.
"""

_EPILOG = """\
MODELS are names, globs, sources or suites, as for `python -m harness list`.

Exit codes: 0 every model is equal; 1 some are not, or could not be compared; 2 a bad request.
"""


def say(line: str) -> None:
    """Prints a line for the user, apart from a command's result."""
    print(line, file=sys.stderr, flush=True)


def _cache_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cache-dir", type=Path, metavar="DIR", help="where checkouts are kept (the user's cache directory)"
    )


def add_verify(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command `verify`; `verify` here carries it out."""
    parser = commands.add_parser(
        "verify",
        help="compare this project's networks with the original code",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--against-release",
        nargs="*",
        required=True,
        metavar="MODELS",
        help="which models (all of them if none is given)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help=f"also write the table to FILE, in the format of its suffix ({', '.join(SUFFIXES)}); may be repeated",
    )
    parser.add_argument("--no-export", action="store_true", help="leave out the exported graphs, which take longest")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="models at a time (physical cores)")
    parser.add_argument(
        "--timeout",
        type=float,
        default=Limits.timeout_s,
        metavar="SECONDS",
        help="time limit for one network of one model (%(default)s)",
    )
    parser.add_argument(
        "--memory",
        type=int,
        default=Limits.memory_mib,
        metavar="MIB",
        help="resident memory limit for one network (an equal share of nine tenths of the free memory)",
    )
    _cache_option(parser)


def fetch_sources(sources: Sequence[str], cache_dir: Path | None = None) -> int:
    """Checks out the repositories of some sources, or of all if none is given, and prints the folders.

    A failure of one does not stop the others.

    Returns:
        The exit code: 0, or 1 if one could not be fetched.

    Raises:
        ReleaseError: a source does not exist.
    """
    failed = 0
    for pin in pins_of(sources):
        try:
            print(check_out(pin, cache_dir, say), flush=True)
        except ReleaseError as error:
            failed += 1
            say(f"{pin.name}: {error}")
    return 1 if failed else 0


def _line(row: ReleaseComparison, done: int, count: int) -> str:
    figures = "" if row.logits_error is None else f"  logits {row.logits_error:.1e}"
    reason = f"  {' '.join(row.reason.split())}" if row.reason else ""
    return f"[{done}/{count}] {row.model}  {row.status}{figures}{reason}"


def verify(arguments: argparse.Namespace) -> int:
    """Compares models with their releases; see `add_verify`.

    Returns:
        The exit code.

    Raises:
        ZooError: the request is invalid.
    """
    import zoo

    cards = zoo.cards(arguments.against_release or "all")
    for path in arguments.output:
        check_output(path)
    for option, value in (("--workers", arguments.workers), ("--memory", arguments.memory)):
        if value < 0:
            raise ZooError(f"{option} {value}: give a number of at least 0")
    if arguments.timeout <= 0:
        raise ZooError(f"--timeout {arguments.timeout:g}: give a number of seconds above 0")
    settings = VerificationSettings(
        cache_dir=arguments.cache_dir,
        operators_by="" if arguments.no_export else OPERATORS_BY,
        workers=arguments.workers,
        limits=Limits(timeout_s=arguments.timeout, memory_mib=arguments.memory),
    )
    rows: dict[str, ReleaseComparison] = {}
    try:
        for row in hold_all(cards, settings):
            rows[row.model] = row
            say(_line(row, len(rows), len(cards)))
    finally:
        # Finished results are printed and kept even if the command is interrupted.
        ordered = [rows[card.name] for card in cards if card.name in rows]
        print(plain_text(ordered), end="", flush=True)
        for path in arguments.output:
            write(ordered, path)
            say(f"written: {path}")
    equal = sum(row.status == "equal" for row in ordered)
    say(f"{equal} of {len(ordered)} models equal their release")
    return 0 if equal == len(ordered) else 1
