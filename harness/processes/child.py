"""How every child process answers and reports failures.

It imports only the standard library and this project, so that a process can report even that numpy is missing.
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
"""Maps the JSON object of a question to that of its answer; an exception is an answer too."""


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a process could not do what was requested."""

    status: Status
    reason: str

    def to_json(self) -> dict[str, Any]:
        """The failure as a JSON object, which takes the place of an answer."""
        return dataclasses.asdict(self)


def failure(error: BaseException) -> Failure:
    """The status and the reason that describe an exception."""
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
    """Answers each line of standard input until it ends; `harness.processes.child_process` is the other end.

    Anything else that the process prints, including a runtime's own messages, goes to standard error.
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
        arguments: paths of the question's file and of the answer's file, which is written.
        answer: computes the answer.
        facts: entries added to every answer, including failures.

    Returns:
        The process's exit code: `EXIT_NOT_STORED`, with a message, if something could not be written, else 0.
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
