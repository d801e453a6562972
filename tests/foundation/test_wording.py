from __future__ import annotations

import errno
import os

import pytest

from foundation.wording import cause, counted, first_line, listed, one_line, printable, quoted, shortened


@pytest.mark.parametrize(("number", "told"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1200, "1,200 rows")])
def test_singular_and_plural(number: int, told: str) -> None:
    assert counted(number, "row") == told


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        ([], ""),
        (["b", "a"], "b, a"),
        (list("abcde"), "a, b, c, d, e"),
        (list("abcdef"), "a, b, c, d, e and 1 more"),
        (list("aabbccddee"), "a, b, c, d, e"),
        (map(str, range(2000)), "0, 1, 2, 3, 4 and 1,995 more"),
    ],
)
def test_the_first_texts_are_listed_without_repetitions(texts: list[str], shown: str) -> None:
    assert listed(texts) == shown


def test_a_cell_is_one_line_without_colours_and_control_characters() -> None:
    assert one_line("\x1b[1;31mno\x1b[m  such\n\tfile\x07 \x00 µ") == "no such file µ"


@pytest.mark.parametrize(
    ("error", "line"),
    [(ValueError("\nfirst\nsecond"), "first"), (ValueError(), "ValueError()"), (KeyError("shape"), "'shape'")],
)
def test_the_first_line_of_an_error(error: Exception, line: str) -> None:
    assert first_line(error) == line


def test_the_cause_is_what_the_system_says_without_the_path() -> None:
    assert cause(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "x")) == "No such file or directory"
    assert cause(OSError("cut short")) == "cut short"


def test_control_characters_are_spelled_out() -> None:
    assert printable("a\x1b[31m\tb\n\u202ec") == "a\\x1b[31m\tb\n\\u202ec"


def test_a_quoted_text_is_one_line_and_cut() -> None:
    assert quoted("a\n  b") == "a b"
    assert quoted("x" * 151) == "x" * 150 + "..."


def test_long_lists_are_shortened() -> None:
    assert shortened(["a", "b"], most=2) == "a; b"
    assert shortened(["a", "x" * 151, "c"], most=2) == f"a; {'x' * 150}...; and 1 more"
