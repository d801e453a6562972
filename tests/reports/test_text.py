"""Numbers and cells as people read them."""

from __future__ import annotations

import math

import pytest

from harness.text.tables import cell, table
from reports.text import code, interval, significant


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.000123456, "0.0001235"),
        (1.0, "1.000"),
        (9.87654, "9.877"),
        (12.3456, "12.35"),
        (2425.02, "2425"),
        (123456.0, "123456"),
        (-1.5, "-1.500"),
        (0.0, "0"),
        (None, ""),
        (math.nan, ""),
    ],
)
def test_numbers_have_four_significant_digits_and_no_exponent(value: float | None, text: str) -> None:
    assert significant(value) == text


def test_an_interval_has_both_ends_or_none() -> None:
    assert interval(1.0, 2.0) == "1.000 to 2.000"
    assert interval(1.0, None) == "-"
    assert interval(math.nan, math.nan) == "-"


def test_a_cell_cannot_break_its_table() -> None:
    assert cell("a | b\nc <i>") == "a \\| b c &lt;i>"
    assert code("a|b`c") == "`a\\|b'c`"
    assert code("") == ""


def test_a_long_cell_is_shortened() -> None:
    assert len(cell("word " * 1000)) < 320
    assert cell("word " * 1000).endswith(" ...")


def test_a_table_has_a_rule_below_its_header() -> None:
    assert table(("a", "b"), [("1", "2")], "lr") == "| a | b |\n| --- | ---: |\n| 1 | 2 |\n"
