from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from harness.errors import ChildError
from harness.processes import child_process
from harness.processes.child_process import ChildProcess


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ChildProcess]:
    """Starts a process that runs some code once it is asked."""

    def start(code: str) -> ChildProcess:
        command = [sys.executable, "-c", f"import os, sys\nsys.stdin.readline()\n{code}"]
        monkeypatch.setattr(child_process, "python_command", lambda _module, _python: command)
        return ChildProcess("a.module", "evaluation")

    return start


@pytest.mark.parametrize("written", ["", '{"status": "ok"', '{"status": "ok"}'])
def test_a_truncated_answer_is_an_error(written: str, process: Callable[[str], ChildProcess]) -> None:
    """The kernel may kill a process that takes too much memory while it is writing."""
    with process(f"os.write(1, {written.encode()!r}); os.kill(os.getpid(), 9)") as one:
        with pytest.raises(ChildError, match="killed by SIGKILL") as raised:
            one.ask({}, 60.0)
        assert raised.value.status == "out_of_memory"
        assert one.ended


def test_an_answer_is_read_whole(process: Callable[[str], ChildProcess]) -> None:
    with process("""os.write(1, b'{"status": "ok", "a": 1}\\n')""") as one:
        assert one.ask({}, 60.0) == {"status": "ok", "a": 1}
