"""What every child process does the same way: how it answers, and its failures.

It imports no other package, so that a process can say even that numpy is missing.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.endings import says_out_of_memory
from harness.errors import EXIT_NOT_STORED, HarnessError, StorageError, UnsupportedError
from harness.files.storage import replace_json

if TYPE_CHECKING:
    from foundation.vocabulary import Status

Answer = Callable[[dict[str, Any]], dict[str, Any]]
"""From the JSON object of a question to that of its answer; an exception is an answer too."""


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
    elif isinstance(error, MemoryError) or says_out_of_memory(text):
        status = "out_of_memory"
        text = f"Not enough memory ({text}). Use a smaller batch, or free memory."
    elif not isinstance(error, HarnessError):
        text = f"{type(error).__name__}: {text}"
    return Failure(status, text)


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
        replace_json(answer_path, {**answered, **facts()})
    except StorageError as error:
        print(error, file=sys.stderr)
        return EXIT_NOT_STORED
    return 0
