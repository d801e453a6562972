"""`python -m zoo`: parses, runs the command, and turns errors into messages and exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from foundation.interruption import interrupt_on_termination
from foundation.whole_options import WholeOptionsParser
from zoo.checkpoints.command import add_fetch, run_fetch
from zoo.errors import ZooError
from zoo.releases.commands import add_verify, verify

EXIT_BAD_REQUEST = 2
EXIT_INTERRUPTED = 130

_DESCRIPTION = """\
The releases behind the models: their checkpoints and their original code.

Start here:
  python -m zoo fetch smoke                    a released checkpoint of each source
  python -m zoo fetch --sources                the original code, at the pinned commits
  python -m zoo verify --against-release       this project's networks against that code

Models are measured by `python -m harness`.
"""

_COMMANDS = {"fetch": run_fetch, "verify": verify}


def build_parser() -> argparse.ArgumentParser:
    """The parser of `python -m zoo`."""
    parser: argparse.ArgumentParser = WholeOptionsParser(
        prog="python -m zoo", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_fetch(commands)
    add_verify(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0, 1 if something is missing or differs, 2, or 130."""
    parsed = build_parser().parse_args(arguments)
    # A job scheduler's SIGTERM counts as an interruption too: unfinished work is kept.
    interrupt_on_termination()
    try:
        return _COMMANDS[parsed.command](parsed)
    except ZooError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_REQUEST
    except KeyboardInterrupt:
        print("interrupted: run the same command again to resume", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of the output closed the pipe, as `head` does.
        sys.stderr.close()
        return EXIT_INTERRUPTED
