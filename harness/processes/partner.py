"""A child process that is asked and answers, a JSON object a line each way, and may end however it likes."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from harness.errors import PartnerError
from harness.processes.launcher import EndedProcess, end_of, keep_tail, kill_group, padded_environment

_OUTPUT_TAIL_LINES = 20


class Partner:
    """The asking end. Use it as a context manager, or call `end`."""

    def __init__(self, command: list[str], work: str, environment: Mapping[str, str] | None = None) -> None:
        """Starts the process.

        Args:
            command: its program, which calls `answer_lines`.
            work: what it does, as in `measurement`, for messages.
            environment: its environment, by default this process's own.
        """
        self._work = work
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment or padded_environment(),
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._tail: collections.deque[str] = collections.deque(maxlen=_OUTPUT_TAIL_LINES)
        assert self._process.stderr is not None
        self._reader = threading.Thread(target=keep_tail, args=(self._process.stderr, self._tail), daemon=True)
        self._reader.start()

    def ask(self, question: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """The process's answer.

        Raises:
            PartnerError: it said that it failed, ended, or did not answer in time, and was ended then.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout_s
        timer = threading.Timer(timeout_s, kill_group, args=(self._process,))
        timer.daemon = True
        timer.start()
        try:
            # A process that ended already is told apart by its silence.
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(question) + "\n")
                self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        # Of an answer that was cut off by the process's end there is no use.
        if not line.endswith("\n"):
            timed_out = time.monotonic() >= deadline
            self.end()
            ended = EndedProcess(self._process.returncode, timed_out, "".join(self._tail).strip())
            raise PartnerError(*end_of(ended, timeout_s, self._work))
        answer: dict[str, Any] = json.loads(line)
        if answer["status"] != "ok":
            raise PartnerError(answer["status"], answer["reason"])
        return answer

    @property
    def ended(self) -> bool:
        """Whether the process was seen to have ended."""
        return self._process.returncode is not None

    def end(self) -> None:
        """Ends the process, whatever it is doing."""
        kill_group(self._process)
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()

    def __enter__(self) -> Partner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def answer_lines(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The answering end: gives each line of standard input to `answer` until there is no more.

    What the process prints otherwise, a runtime's own messages too, goes to standard error.
    """
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        for line in sys.stdin:
            answers.write(json.dumps(answer(json.loads(line))) + "\n")
            answers.flush()
