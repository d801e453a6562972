"""Rank changes between environments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from reports.ranks import RankChange, kendall_tau, rank_changes
from reports.training import ALONE, ANY

MakeRows = Callable[[list[dict[str, Any]]], pandas.DataFrame]


def _rows(latencies_ms: dict[str, float], accuracies: dict[str, float], **values: Any) -> list[dict[str, Any]]:
    return [
        {
            "model": f"s/{name}",
            "latency_median_ms": latency_ms,
            "accuracy_published_top1_percent": accuracies.get(name),
            **values,
        }
        for name, latency_ms in latencies_ms.items()
    ]


ACCURACIES = {"a": 70.0, "b": 75.0, "c": 80.0, "d": 74.0}
FIRST = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "only-here": 0.5}
SECOND = {"a": 10.0, "b": 30.0, "c": 20.0, "d": 5.0}
THERE = {"environment_id": "e2", "device": "another"}


def _change(make_rows: MakeRows, second: dict[str, float] = SECOND, **values: Any) -> RankChange:
    (change,) = rank_changes(make_rows(_rows(FIRST, ACCURACIES) + _rows(second, ACCURACIES, **{**THERE, **values})))
    return change


def test_ranks_are_among_the_common_models(make_rows: MakeRows) -> None:
    ranks = {rank.model: (rank.first, rank.second) for rank in _change(make_rows).ranks}
    assert ranks == {"s/a": (1, 2), "s/b": (2, 4), "s/c": (3, 3), "s/d": (4, 1)}


def test_kendalls_tau(make_rows: MakeRows) -> None:
    # Of the six pairs a-b and a-c keep their order; b-c and those with d are reversed.
    assert _change(make_rows).kendall_tau == pytest.approx((2 - 4) / 6)
    assert _change(make_rows, {"a": 1.0, "b": 2.0, "c": 4.0, "d": 8.0}).kendall_tau == pytest.approx(1.0)
    assert _change(make_rows, dict.fromkeys("abcd", 1.0)).kendall_tau is None


def test_a_fused_graph_that_is_the_native_file_counts_in_kendalls_tau(make_rows: MakeRows) -> None:
    rows = [*_rows(FIRST, ACCURACIES), *_rows(SECOND, ACCURACIES, **THERE)]
    fused = [{**row, "graph": "fused", "measured_as": row["model"]} for row in rows]
    alone, beside = rank_changes(make_rows([*rows, *fused]))
    assert (alone.first.form, beside.first.form) == (("native", "fp32"), ("fused", "fp32"))
    assert beside.kendall_tau == alone.kendall_tau == pytest.approx((2 - 4) / 6)


def test_models_that_share_their_trials_count_once_in_kendalls_tau(make_rows: MakeRows) -> None:
    alone = [*_rows(FIRST, ACCURACIES), *_rows(SECOND, ACCURACIES, **THERE)]
    tags = [
        row
        for latencies, place in ((FIRST, {}), (SECOND, THERE))
        for row in _rows(dict.fromkeys(("d.one", "d.two"), latencies["d"]), {"d.one": 76.0}, measured_as="s/d", **place)
    ]
    (change,) = rank_changes(make_rows([*alone, *tags]))
    assert {"s/d.one", "s/d.two"} <= {rank.model for rank in change.ranks}
    assert change.kendall_tau == pytest.approx((2 - 4) / 6)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=30))
def test_kendalls_tau_equals_scipys(pairs: list[tuple[int, int]]) -> None:
    first, second = zip(*pairs, strict=True)
    expected = float(kendalltau(first, second).statistic)
    found = kendall_tau(first, second)
    assert math.isnan(expected) if found is None else found == pytest.approx(expected, abs=1e-12)


def test_who_enters_and_who_leaves_the_frontier(make_rows: MakeRows) -> None:
    frontiers = {
        rank.model: (bool(rank.first_frontiers), bool(rank.second_frontiers)) for rank in _change(make_rows).ranks
    }
    # There b is slower than the more accurate c, and d has become the fastest.
    assert frontiers == {"s/a": (True, False), "s/b": (True, False), "s/c": (True, True), "s/d": (False, True)}


def test_each_frontier_is_among_the_common_models_of_its_training_data(make_rows: MakeRows) -> None:
    data = dict.fromkeys("abd", "ImageNet-1k") | {"c": "ImageNet-1k + ImageNet-12k"}
    rows = [*_rows(FIRST, ACCURACIES), *_rows(SECOND, ACCURACIES, **THERE)]
    rows = [{**row, "accuracy_published_training_data": data.get(row["model"][2:], "")} for row in rows]
    (change,) = rank_changes(make_rows(rows))
    frontiers = {rank.model: (rank.first_frontiers, rank.second_frontiers) for rank in change.ranks}
    assert frontiers == {
        "s/a": ((ALONE, ANY), ()),
        # Without c it is the most accurate there too.
        "s/b": ((ALONE, ANY), (ALONE,)),
        "s/c": ((ANY,), (ANY,)),
        "s/d": ((), (ALONE, ANY)),
    }


def test_a_model_with_two_artifacts_counts_by_its_fastest(make_rows: MakeRows) -> None:
    rows = [*_rows(FIRST, ACCURACIES), *_rows({"a": 0.7}, ACCURACIES), *_rows(SECOND, ACCURACIES, **THERE)]
    (change,) = rank_changes(make_rows(rows))
    assert [rank.first_ms for rank in change.ranks if rank.model == "s/a"] == [0.7]


def test_another_batch_size_the_same_environment_or_two_models_are_not_compared(make_rows: MakeRows) -> None:
    here = _rows(FIRST, ACCURACIES)
    for others in (
        _rows(SECOND, ACCURACIES, batch=8, **THERE),
        _rows(SECOND, ACCURACIES, precision="fp16"),
        _rows({"a": 1.0, "b": 2.0}, ACCURACIES, **THERE),
    ):
        assert rank_changes(make_rows(here + others)) == []


def test_each_precision_of_an_environment_is_compared(make_rows: MakeRows) -> None:
    there = [*_rows(SECOND, ACCURACIES, **THERE), *_rows(SECOND, ACCURACIES, precision="fp16", **THERE)]
    changes = rank_changes(make_rows([*_rows(FIRST, ACCURACIES), *there]))
    assert [(change.first.precision, change.second.precision) for change in changes] == [
        ("fp32", "fp32"),
        ("fp32", "fp16"),
    ]
