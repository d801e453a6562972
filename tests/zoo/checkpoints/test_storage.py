from __future__ import annotations

import errno
import os
import threading

import pytest

from tests.fakes.checkpoints import Notes
from zoo.checkpoints import FetchError
from zoo.checkpoints.storage import alone, explained


@pytest.mark.parametrize(
    ("code", "match"),
    [
        (errno.ENOSPC, "no space left to write .*weights.pth.*free some"),
        (errno.EDQUOT, "no space left"),
        (errno.EFBIG, "no space left"),
        (errno.EACCES, "not allowed to use .*weights.pth.*permissions"),
        (errno.EROFS, "not allowed"),
        (errno.EIO, "cannot use .*weights.pth.*disk"),
    ],
)
def test_errors_of_the_system_as_messages(tmp_path, code, match):
    with pytest.raises(FetchError, match=match), explained(tmp_path / "weights.pth"):
        raise OSError(code, os.strerror(code))


def test_one_at_a_time(tmp_path):
    target, notes, order = tmp_path / "file", Notes(), []
    entered, leave = threading.Event(), threading.Event()

    def first():
        with alone(target, Notes()):
            entered.set()
            leave.wait(10)
            order.append("first")

    class Waits(Notes):
        def note(self, text):
            super().note(text)
            leave.set()

    notes = Waits()
    thread = threading.Thread(target=first)
    thread.start()
    entered.wait(10)
    with alone(target, notes):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert notes.notes == ["another process is working on file: waiting for it"]
