"""TensorRT's messages: the last ones are kept for error messages, all of them are written to a file."""

from __future__ import annotations

import collections
import contextlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_TAIL_LINES = 12
_LINE_MAX_CHARACTERS = 600
_WARNINGS_MAX = 50

# TensorRT's words for insufficient GPU memory and scratch memory.
_OUT_OF_MEMORY = re.compile(r"out\s?of\s?memory|gpu memory .*could not be allocated", re.IGNORECASE)
_MORE_WORKSPACE = re.compile(r"insufficient workspace|increas\w* the (?:allowed )?workspace", re.IGNORECASE)
_NOT_ON_TURING = re.compile(r"cannot compile operation .* for turing", re.IGNORECASE)

# What TensorRT-RTX adds to every error on a machine without a driver; it explains none of them.
_WITHOUT_DRIVER = re.compile(r"catchCudaError.*cudaError 35\b", re.DOTALL)


def explanatory(text: str) -> str:
    """The lines of a message that say something, as one line."""
    return " ".join(line.strip() for line in text.splitlines() if line.strip() and not _WITHOUT_DRIVER.search(line))


class LogTail:
    """The last messages of each kind; TensorRT may log from several threads."""

    def __init__(self, file: IO[str] | None = None) -> None:
        self._file = file
        self._messages: collections.deque[str] = collections.deque(maxlen=_TAIL_LINES)
        self._errors: collections.deque[str] = collections.deque(maxlen=_TAIL_LINES)
        self._warnings: dict[str, None] = {}
        self._lock = threading.Lock()

    def add(self, severity: str, message: str) -> None:
        """Keeps one message; `severity` is TensorRT's name of its severity."""
        line = f"[{severity}] {message.strip()}"
        with self._lock:
            if self._file is not None:
                # A full disk or a closed file must not raise here, because TensorRT's own code called this.
                with contextlib.suppress(OSError, ValueError):
                    self._file.write(line + "\n")
            self._messages.append(line[:_LINE_MAX_CHARACTERS])
            if severity in ("ERROR", "INTERNAL_ERROR") and explanatory(message):
                self._errors.append(line[:_LINE_MAX_CHARACTERS])
            if severity == "WARNING" and len(self._warnings) < _WARNINGS_MAX:
                self._warnings[message.strip()[:_LINE_MAX_CHARACTERS]] = None

    def lines(self) -> list[str]:
        """Returns the last messages."""
        with self._lock:
            return list(self._messages)

    def warnings(self) -> tuple[str, ...]:
        """Returns the different warnings, in the order of their first appearance."""
        with self._lock:
            return tuple(self._warnings)

    def explanation(self) -> str:
        """Returns the last errors, or the last messages if there was no error, for the end of an error message."""
        with self._lock:
            said = list(self._errors or self._messages)
        return f" TensorRT said: {' '.join(said)}" if said else " TensorRT said nothing."

    @property
    def out_of_memory(self) -> bool:
        """Whether an error was caused by insufficient GPU memory."""
        return self._any_error(_OUT_OF_MEMORY)

    @property
    def wants_workspace(self) -> bool:
        """Whether an error was caused by insufficient scratch memory."""
        return self._any_error(_MORE_WORKSPACE)

    @property
    def not_on_turing(self) -> bool:
        """Whether an error was caused by an operation that has no kernels for compute capability 7.5."""
        return self._any_error(_NOT_ON_TURING)

    def _any_error(self, pattern: re.Pattern[str]) -> bool:
        with self._lock:
            return any(pattern.search(line) for line in self._errors)


class _Tails:
    """The tails that receive the messages of one library."""

    def __init__(self) -> None:
        self._open: list[LogTail] = []

    def add(self, tail: LogTail) -> None:
        self._open.append(tail)

    def remove(self, tail: LogTail) -> None:
        self._open.remove(tail)

    def receive(self, severity: str, message: str) -> None:
        for tail in tuple(self._open):
            tail.add(severity, message)


_loggers: dict[type, tuple[Any, _Tails]] = {}
"""The logger of each library in this process, by the library's class of loggers."""


@contextlib.contextmanager
def logging_to(trt: Any, tail: LogTail) -> Iterator[Any]:
    """Yields the process's `ILogger`, whose messages, except verbose ones, the tail receives inside the context.

    A process has one logger for its whole life: TensorRT warns of a second one while objects made with the first exist,
    and passes it a part of the messages only; its plugins write to the one they were registered with until the process
    ends. If several tails are open, as of the two networks of a trial, each receives every message.
    """
    if trt.ILogger not in _loggers:
        tails = _Tails()
        _loggers[trt.ILogger] = _make_logger(trt, tails), tails
    logger, tails = _loggers[trt.ILogger]
    tails.add(tail)
    try:
        yield logger
    finally:
        tails.remove(tail)


def _make_logger(trt: Any, tails: _Tails) -> Any:
    # A build may log tens of thousands of verbose messages, and the name of a severity takes eight times as long to get
    # as its number: a twentieth of a small build.
    verbose = int(trt.ILogger.Severity.VERBOSE)

    class ProcessLogger(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            # No exception may pass through TensorRT's own code.
            if int(severity) != verbose:
                tails.receive(severity.name, msg)

    return ProcessLogger()


def open_log(path: Path) -> IO[str]:
    """Opens the file of a build's messages, which is written line by line so that a killed build leaves them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="utf-8", errors="replace", buffering=1)
