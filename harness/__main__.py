"""`python -m harness`: parses, runs the command, and turns errors into messages and exit codes."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

from foundation.interruption import interrupt_on_termination
from harness.commands.arguments import build_parser
from harness.errors import EXIT_BAD_REQUEST, EXIT_FAULT, EXIT_INTERRUPTED, HarnessError

# What a machine that only measures may lack, as it is with `pip install --no-deps`.
_BEYOND_MEASURING = ("onnx", "platformdirs", "psutil", "scipy", "tomli")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code (see `harness.errors`)."""
    from harness.commands.implementation import COMMANDS

    parsed = build_parser().parse_args(arguments)
    # A job scheduler's polite end is an interruption too: children are ended, the reports written.
    interrupt_on_termination()
    try:
        return COMMANDS[parsed.command](parsed)
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        if error.name not in _BEYOND_MEASURING:
            raise
        measuring = parsed.command if hasattr(parsed, "artifacts") else "run"
        print(
            f"error: {parsed.command} needs {error.name}, which is not installed here. Install all that this project "
            f"needs (pip install .), or measure what another machine converted: {measuring} --artifacts DIR",
            file=sys.stderr,
        )
        return EXIT_BAD_REQUEST
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of a listing went away, as `head` does.
        sys.stderr.close()
        return EXIT_INTERRUPTED


def run_as_program() -> int:
    """The exit code of the program; a fault of this program is told apart from what a command found."""
    try:
        return main()
    except Exception:
        # Python would end with 1, which says that a series regressed or a row failed.
        traceback.print_exc()
        return EXIT_FAULT


if __name__ == "__main__":
    sys.exit(run_as_program())
