from __future__ import annotations

import io
import sys

import pytest

from harness.text.progress import Progress, minutes_text


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_plain_lines_if_there_is_no_terminal():
    stream = io.StringIO()
    with Progress("convert", 2, stream) as progress:
        progress.step("a: 1 s")
        progress.step("b: failed", problem=True)
    assert stream.getvalue() == "[convert 1/2] a: 1 s\n[convert 2/2] b: failed\n"


def test_a_bar_on_a_terminal_keeps_the_problems():
    stream = Terminal()
    with Progress("round 1", 2, stream) as progress:
        progress.step("a: 1.00 ms [sic]")
        progress.step("b: failed: [why]", problem=True)
    text = stream.getvalue()
    assert "2/2" in text
    assert "elapsed, about 0:00 left" in text
    assert "b: failed: [why]" in text
    assert "[sic]" not in text


def test_plain_lines_if_rich_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    stream = Terminal()
    with Progress("round 1", 1, stream) as progress:
        progress.step("a: 1.00 ms")
    assert stream.getvalue() == "[round 1 1/1] a: 1.00 ms\n"


def test_nothing_to_do_draws_nothing():
    stream = Terminal()
    with Progress("convert", 0, stream):
        pass
    assert stream.getvalue() == ""


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (83, "1:23"), (3723, "1:02:03")])
def test_durations_read_as_a_clock(seconds, text):
    assert minutes_text(seconds) == text


def test_small_steps_are_reported_together_with_what_is_left():
    stream = io.StringIO()
    with Progress("accuracy", 100, stream) as progress:
        progress.advance(20)
        progress.advance(30)
        progress.tell("images 1 to 50 of 100")
        progress.tell("a: failed", problem=True)
        progress.shorten(40)
        progress.advance(10)
        progress.tell("images 51 to 60 of 100")
    assert stream.getvalue() == (
        "[accuracy 50/100] images 1 to 50 of 100, 0:00 elapsed, about 0:00 left\n"
        "[accuracy 50/100] a: failed\n"
        "[accuracy 60/60] images 51 to 60 of 100, 0:00 elapsed, about 0:00 left\n"
    )


def test_small_steps_move_the_bar_of_a_terminal():
    stream = Terminal()
    with Progress("accuracy", 100, stream) as progress:
        progress.advance(50)
        progress.tell("images 1 to 50 of 100")
        progress.tell("a: [why]", problem=True)
        progress.shorten(50)
    text = stream.getvalue()
    assert "50/100" in text
    assert "50/50" in text
    assert "elapsed, about 0:00 left" in text
    assert "a: [why]" in text
    assert "images 1 to 50" not in text
