from __future__ import annotations

import io

import pytest

from zoo.checkpoints.progress import LineListener, listener_for, size_text

MIB = 1 << 20


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_plain_lines_without_a_terminal():
    stream = io.StringIO()
    listener = listener_for(stream)
    listener.started("model.pth", 0, 10 * MIB)
    listener.advanced(5 * MIB)
    listener.note("the server answers 500; attempt 2 of 5 in 1 s")
    listener.started("model.pth", 5 * MIB, 10 * MIB)
    listener.finished()
    assert stream.getvalue().splitlines() == [
        "model.pth: downloading 10.0 MiB",
        "the server answers 500; attempt 2 of 5 in 1 s",
        "model.pth: downloading 10.0 MiB, resuming after 5.0 MiB",
    ]


def test_a_line_now_and_then():
    stream = io.StringIO()
    listener = LineListener(stream, every_s=0.0)
    listener.started("model.pth", 0, None)
    listener.advanced(5 * MIB)
    listener.started("model.pth", 0, 10 * MIB)
    listener.advanced(6 * MIB)
    assert stream.getvalue().splitlines()[1::2] == ["model.pth: 5.0 MiB", "model.pth: 6.0 MiB of 10.0 MiB"]


def test_a_bar_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    listener = listener_for(stream)
    listener.started("model.pth", 0, 10 * MIB)
    listener.note("a note [sic]")
    listener.started("model.pth", 5 * MIB, 10 * MIB)
    listener.advanced(10 * MIB)
    listener.finished()
    listener.finished()
    listener.note("later")
    text = stream.getvalue()
    assert "10.0/10.0" in text
    assert "a note [sic]" in text
    assert text.endswith("later\n")


@pytest.mark.parametrize(("size_bytes", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (3 * MIB // 2, "1.5 MiB")])
def test_sizes(size_bytes, text):
    assert size_text(size_bytes) == text
