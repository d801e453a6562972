from __future__ import annotations

import sys

import pytest

from harness.errors import PartnerError
from harness.processes.partner import Partner


def partner(code: str) -> Partner:
    return Partner([sys.executable, "-c", f"import os, sys\nsys.stdin.readline()\n{code}"], "evaluation")


@pytest.mark.parametrize("written", ["", '{"status": "ok"', '{"status": "ok"}'])
def test_an_answer_that_was_cut_off_is_none(written):
    """The kernel kills a process that takes too much memory while it writes as at any other time."""
    with partner(f"os.write(1, {written.encode()!r}); os.kill(os.getpid(), 9)") as one:
        with pytest.raises(PartnerError, match="killed by SIGKILL") as raised:
            one.ask({}, 60.0)
        assert raised.value.status == "out_of_memory"
        assert one.ended


def test_an_answer_is_read_whole():
    with partner("""os.write(1, b'{"status": "ok", "a": 1}\\n')""") as one:
        assert one.ask({}, 60.0) == {"status": "ok", "a": 1}
