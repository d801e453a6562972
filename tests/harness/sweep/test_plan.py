from __future__ import annotations

import pytest

from harness.comparison.pair import Pairing, Side
from harness.sweep.plan import Step, compared, error_rates, steps


def series(model: str) -> Pairing:
    return Pairing(model, 1, *[Side(f"{model}.onnx", model, "fp32")] * 2)


A, B = series("a"), series("b")


def test_neighbours_are_compared_and_the_oldest_with_the_newest() -> None:
    assert compared([]) == compared(["1"]) == []
    assert compared(["1", "2"]) == [("1", "2")]
    assert compared(["1", "2", "3"]) == [("1", "2"), ("2", "3"), ("1", "3")]


def test_a_series_is_compared_across_a_version_that_cannot_read_it() -> None:
    found = steps(["1", "2", "10"], [A, B], {("2", A)})
    assert found == [Step("1", "2", (B,)), Step("2", "10", (B,)), Step("1", "10", (A, B))]


def test_a_series_that_one_version_reads_is_in_no_gate() -> None:
    assert steps(["1", "2"], [A, B], {("1", A)}) == [Step("1", "2", (B,))]


def test_every_comparison_has_the_same_share_of_the_error_rate() -> None:
    planned = [Step("1", "2", (B,)), Step("1", "10", (A, B))]
    assert error_rates(planned, 0.03) == pytest.approx([0.01, 0.02])
    assert error_rates([], 0.03) == []
