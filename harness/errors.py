"""Errors that a user can act on, each with the exit code of the command line."""

from __future__ import annotations

EXIT_SUCCESS = 0
EXIT_FAILED_ROWS = 1
EXIT_BAD_REQUEST = 2
EXIT_FAULT = 70
"""A fault of this program, with a traceback; sysexits.h calls it EX_SOFTWARE."""
EXIT_INTERRUPTED = 130


class HarnessError(Exception):
    """The request cannot be carried out; the message says what to do about it."""

    exit_code = EXIT_BAD_REQUEST
