"""The order of published latencies beside that of the measured ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from harness.records.series import Series
from reports.published_latency import Place, PublishedComparison, mean_ranks, published_comparisons
from tests.fakes.published import stated

MakeRows = Callable[[list[dict[str, Any]]], pandas.DataFrame]

PHONE = {"a": 5.0, "b": 8.0, "c": 20.0, "d": 30.0}


def _rows(latencies_ms: Mapping[str, float], **values: Any) -> list[dict[str, Any]]:
    return [{"model": f"s/{name}", "latency_median_ms": ms, **values} for name, ms in latencies_ms.items()]


def _comparison(
    make_rows: MakeRows, measured_ms: Mapping[str, float], published: Mapping[str, Series]
) -> PublishedComparison:
    (comparison,) = published_comparisons(make_rows(_rows(measured_ms)), published)
    return comparison


def test_ranks_are_among_the_models_of_both_sides(make_rows: MakeRows) -> None:
    comparison = _comparison(make_rows, {"x": 0.1, "a": 2.0, "d": 1.0, "c": 7.0}, stated("a phone", PHONE))
    assert comparison.places == [
        Place("s/a", 5.0, 2.0, published_rank=1, measured_rank=2),
        Place("s/c", 20.0, 7.0, published_rank=2, measured_rank=3),
        Place("s/d", 30.0, 1.0, published_rank=3, measured_rank=1),
    ]
    assert (comparison.source, comparison.published_on) == ("s", "a phone, TensorRT 8, batch 1")
    # Of the three pairs only a-c keeps its order.
    assert comparison.kendall_tau == pytest.approx((1 - 2) / 3)
    assert comparison.most_moved == comparison.places[2]


def test_two_models_have_no_tau(make_rows: MakeRows) -> None:
    comparison = _comparison(make_rows, {"a": 2.0, "b": 1.0}, stated("a phone", PHONE))
    assert comparison.kendall_tau is None
    assert len(comparison.places) == 2


def test_equal_figures_share_their_rank_and_no_model_is_out_of_place(make_rows: MakeRows) -> None:
    comparison = _comparison(make_rows, {"a": 1.0, "b": 2.0, "c": 3.0}, stated("a phone", {"a": 9, "b": 9, "c": 12}))
    assert [place.published_rank for place in comparison.places] == [1.5, 1.5, 3]
    assert comparison.most_moved is None


def test_figures_under_other_conditions_and_of_other_releases_are_apart(make_rows: MakeRows) -> None:
    published = {**stated("a phone", PHONE), **stated("a phone", {"e": 1.0}, source="t")}
    published["s/d"] = stated("a board", {"d": 3.0})["s/d"]
    rows = make_rows([*_rows(PHONE), {"model": "t/e", "latency_median_ms": 1.0}])
    found = published_comparisons(rows, published)
    assert [(one.source, one.published_on.split(",")[0], len(one.places)) for one in found] == [
        ("s", "a board", 1),
        ("s", "a phone", 3),
        ("t", "a phone", 1),
    ]


def test_each_configuration_is_compared_with_the_fastest_artifact_of_a_model(make_rows: MakeRows) -> None:
    slower = [{**row, "artifact_sha256": "9" * 64} for row in _rows({"a": 50.0})]
    half = _rows({"a": 3.0, "b": 2.0, "c": 1.0}, precision="fp16")
    found = published_comparisons(make_rows([*_rows(PHONE), *slower, *half]), stated("a phone", PHONE))
    assert [(one.measured.precision, one.kendall_tau) for one in found] == [("fp32", 1.0), ("fp16", -1.0)]
    assert found[0].places[0].measured_ms == 5.0


def test_models_that_failed_or_have_no_figure_are_left_out(make_rows: MakeRows) -> None:
    rows = [*_rows({"a": 1.0}, status="failed", latency_kind=""), *_rows({"x": 1.0})]
    assert published_comparisons(make_rows(rows), stated("a phone", PHONE)) == []
    assert published_comparisons(make_rows(_rows(PHONE)), {}) == []


@given(st.lists(st.integers(0, 5).map(float), min_size=1, max_size=12))
def test_mean_ranks_are_those_of_scipy(values: list[float]) -> None:
    assert mean_ranks(values) == list(rankdata(values))
