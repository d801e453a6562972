"""What every child process does the same way: how it answers, its failures, its memory and its end.

It imports no other package, so that a process can say even that numpy is missing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import EXIT_NOT_STORED, HarnessError, StorageError, UnsupportedError
from harness.files.storage import explained, write_json_atomically

if TYPE_CHECKING:
    from foundation.vocabulary import Status

Answer = Callable[[dict[str, Any]], dict[str, Any]]
"""From the JSON object of a question to that of its answer; an exception is an answer too."""

_BYTES_PER_MIB = 1024 * 1024

# From linux/prctl.h.
_PR_SET_PDEATHSIG = 1

# How runtimes word a failed allocation where Python gets no MemoryError.
_ALLOCATION_FAILURES = ("failed to allocate memory", "bad_alloc", "bad allocation", "out of memory")


def memory_peak_mib() -> float | None:
    """Largest resident set of this process.

    Not `ru_maxrss` on Linux: a child inherits its parent's there, whatever it uses itself.
    """
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return None
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / _BYTES_PER_MIB
    import resource

    # Bytes on macOS, kibibytes on the BSDs.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _BYTES_PER_MIB


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a process could not do what it was asked."""

    status: Status
    reason: str

    def to_json(self) -> dict[str, Any]:
        """The failure as a JSON object, in place of an answer."""
        return dataclasses.asdict(self)


def failure(error: BaseException) -> Failure:
    """The status and the reason that an exception becomes."""
    text = str(error).strip() or type(error).__name__
    status: Status = "failed"
    if isinstance(error, UnsupportedError):
        status = "unsupported"
    elif isinstance(error, MemoryError) or any(word in text.lower() for word in _ALLOCATION_FAILURES):
        status = "out_of_memory"
        text = f"Not enough memory ({text}). Use a smaller batch, or free memory."
    elif not isinstance(error, HarnessError):
        text = f"{type(error).__name__}: {text}"
    return Failure(status, text)


def end_with_parent() -> None:
    """Has the kernel end this process with the one that started it, however that one ends.

    A worker that outlived a killed run would compute beside the next run's trials. Linux alone offers
    this; elsewhere such a worker runs on for the seconds that its trial takes.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def die_first() -> None:
    """Asks the kernel to kill this process before any other where memory runs out.

    A batch that does not fit must cost its own row, not the run or a stranger's program.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")


def answer_lines(answer: Answer) -> None:
    """Answers each line of standard input until there is no more; `harness.processes.child_process` is the other end.

    What the process prints otherwise, a runtime's own messages too, goes to standard error.
    """
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        for line in sys.stdin:
            try:
                answered = {"status": "ok", **answer(json.loads(line))}
            except Exception as error:
                answered = failure(error).to_json()
            answers.write(json.dumps(answered) + "\n")
            answers.flush()


def answer_file(arguments: list[str], answer: Answer, facts: Callable[[], dict[str, Any]] = dict) -> int:
    """Answers the one question of a process; `harness.processes.launcher.answer_of` is the other end.

    Args:
        arguments: the paths of the question's file and of the answer's, which is written.
        answer: answers it.
        facts: what is added to every answer, a failure's too.

    Returns:
        The process's exit code: `EXIT_NOT_STORED`, with a message, where something could not be written.
    """
    question_path, answer_path = map(Path, arguments)
    try:
        try:
            answered = answer(json.loads(question_path.read_text()))
        except StorageError:
            raise
        except Exception as error:
            answered = failure(error).to_json()
        with explained(answer_path):
            write_json_atomically({**answered, **facts()}, answer_path)
    except StorageError as error:
        print(error, file=sys.stderr)
        return EXIT_NOT_STORED
    return 0
