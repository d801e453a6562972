from __future__ import annotations

from harness.text.tables import aligned


def test_columns_are_as_wide_as_their_longest_cell() -> None:
    lines = [("verdict", "model"), ("same", "a"), ("", "a longer name")]
    assert aligned(lines) == "verdict  model\nsame     a\n         a longer name\n"


def test_no_line_ends_in_spaces() -> None:
    assert aligned([("a", "long"), ("b", "")]) == "a  long\nb\n"
