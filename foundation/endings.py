"""How a child process that left no result ended: a status, and a sentence that says what to do."""

from __future__ import annotations

import dataclasses
import os
import signal

from foundation.vocabulary import Status

# How runtimes and frameworks word a failed allocation when Python raises no MemoryError.
_ALLOCATION_FAILURES = (
    "failed to allocate memory",
    "bad_alloc",
    "bad allocation",
    "out of memory",
    "can't allocate memory",
    "not enough memory",
)
# How C++ and Python name an uncaught one at the end of the process's output.
_UNCAUGHT_ALLOCATION_FAILURES = ("bad_alloc", "MemoryError")


@dataclasses.dataclass(frozen=True)
class Remedies:
    """What the user can do about a limit, in words that follow a semicolon."""

    time: str = "allow it more time or use a smaller model"
    memory: str = "use a smaller batch, or free memory"


def over_time(work: str, limit_s: float, remedies: Remedies, output_tail: str = "") -> tuple[Status, str]:
    """Status and reason of a process that was killed because its time was up.

    Args:
        work: its task, as in `measurement`.
        limit_s: the time it was allowed.
        remedies: what to do about it.
        output_tail: the end of its output.
    """
    return "timeout", f"The {work} did not end within {limit_s:g} s; {remedies.time}.{_said(output_tail)}"


def over_memory(work: str, limit_mib: int, remedies: Remedies) -> tuple[Status, str]:
    """Status and reason of a process that was killed because it used more memory than allowed."""
    return "out_of_memory", f"The {work} took more than {limit_mib} MiB; {remedies.memory}."


def ended(work: str, exit_code: int, remedies: Remedies, output_tail: str = "") -> tuple[Status, str]:
    """Status and reason of a process that ended before its time was up and left no result.

    Args:
        work: its task, as in `measurement`.
        exit_code: negative for a signal, as in `subprocess` and `multiprocessing`.
        remedies: what to do if memory ran out.
        output_tail: the end of its output.
    """
    said = _said(output_tail)
    if any(word in output_tail for word in _UNCAUGHT_ALLOCATION_FAILURES):
        return "out_of_memory", f"The {work}'s process ran out of memory; {remedies.memory}.{said}"
    if os.name == "posix" and exit_code == -signal.SIGKILL:
        return "out_of_memory", (
            f"The {work}'s process was killed by SIGKILL, which the kernel does when memory runs out; "
            f"{remedies.memory}.{said}"
        )
    return "failed", f"The {work}'s process {_describe_exit(exit_code)}{said}"


def _said(output_tail: str) -> str:
    return f" It said: {output_tail}" if output_tail else ""


def _describe_exit(exit_code: int) -> str:
    if os.name == "posix" and exit_code < 0:
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            name = f"signal {-exit_code}"
        return f"crashed with {name}."
    return f"ended with exit code {exit_code} and left no result."


def says_out_of_memory(text: str) -> bool:
    """Whether an error's text is that of a failed allocation."""
    return any(words in text.lower() for words in _ALLOCATION_FAILURES)
