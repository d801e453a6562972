"""`python -m harness`: parses, runs the command, and turns errors into messages and exit codes."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

from foundation.interruption import interrupt_on_termination
from harness.commands.parser import parse
from harness.errors import EXIT_BAD_REQUEST, EXIT_FAULT, EXIT_INTERRUPTED, HarnessError
from harness.text.console import say

# Packages that a machine that only measures may lack, as after `pip install --no-deps`.
_BEYOND_MEASURING = ("onnx", "platformdirs", "psutil", "scipy", "tomli")


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code (see `harness.errors`).

    Args:
        words: the words of the command line after the program's name; those of this process if None.
    """
    asked = parse(sys.argv[1:] if words is None else words)
    # A job scheduler's request to terminate is an interruption too: children are ended and reports written.
    interrupt_on_termination()
    try:
        return asked.run()
    except HarnessError as error:
        say(f"error: {error}")
        return error.exit_code
    except ModuleNotFoundError as error:
        if error.name not in _BEYOND_MEASURING:
            raise
        measuring = asked.name if asked.command.takes_artifacts else "run"
        say(
            f"error: {asked.name} needs {error.name}, which is not installed here. Install all that this project "
            f"needs (pip install .), or measure what another machine converted: {measuring} --artifacts DIR"
        )
        return EXIT_BAD_REQUEST
    except KeyboardInterrupt:
        say("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of the output closed it, as `head` does.
        sys.stderr.close()
        return EXIT_INTERRUPTED


def run_as_program() -> int:
    """Returns the program's exit code, in which an internal error differs from every result of a command."""
    try:
        return main()
    except Exception:
        # Python would exit with 1, which means that a series regressed or a row failed.
        traceback.print_exc()
        return EXIT_FAULT


if __name__ == "__main__":
    sys.exit(run_as_program())
