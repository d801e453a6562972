"""A child process that answers many questions, one JSON object per line each way, and may end in any way."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.errors import ChildError
from harness.processes.launcher import EndedProcess, end_of, padded_environment, python_command
from harness.processes.process_group import OutputTail, kill_group


class ChildProcess:
    """The end that asks; `harness.processes.child.answer_lines` answers. Use it as a context manager, or call `end`."""

    def __init__(
        self,
        module: str,
        work: str,
        *,
        python: str | Path = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts the process.

        Args:
            module: the module that it runs, which calls `answer_lines`.
            work: what it does, as in `measurement`, for messages.
            python: its interpreter, by default that of this process.
            environment: its environment, by default that of this process.

        Raises:
            OSError: the interpreter cannot be run.
        """
        self._work = work
        self._process = subprocess.Popen(
            python_command(module, python),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment or padded_environment(),
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._tail = OutputTail(self._process.stderr)

    def ask(self, question: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Returns the process's answer.

        Raises:
            ChildError: the process reported a failure, ended, or did not answer in time, in which case it was killed.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout_s
        timer = threading.Timer(timeout_s, kill_group, args=(self._process,))
        timer.daemon = True
        timer.start()
        try:
            # A process that has already ended is recognised by the missing answer.
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(question) + "\n")
                self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        # An answer cut short by the process's exit is useless.
        if not line.endswith("\n"):
            timed_out = time.monotonic() >= deadline
            self.end()
            ended = EndedProcess(self._process.returncode, timed_out, self._tail.text())
            raise ChildError(*end_of(ended, timeout_s, self._work))
        answer: dict[str, Any] = json.loads(line)
        if answer["status"] != "ok":
            raise ChildError(answer["status"], answer["reason"])
        return answer

    @property
    def ended(self) -> bool:
        """Whether the process is known to have ended."""
        return self._process.returncode is not None

    def end(self) -> None:
        """Kills the process, whatever it is doing."""
        kill_group(self._process)
        self._process.wait()
        self._tail.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()

    def __enter__(self) -> ChildProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
