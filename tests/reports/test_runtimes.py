"""Runtimes that one run measured side by side."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import pandas
import pytest

from harness.stats.trials import interval_over_trials
from reports.runtimes import CSV_COLUMNS, runtimes_csv, runtimes_section, side_by_side
from reports.training import ALONE

MakeRows = Callable[[list[dict[str, Any]]], pandas.DataFrame]

OPENVINO = {"backend": "openvino", "runtime": "openvino 2026.4.1", "environment_id": "e2"}
FIRST = {"a": [4.0, 4.4, 4.2], "b": [5.0, 5.0, 5.0], "c": [8.0, 8.0, 8.0]}
SECOND = {"a": [2.0, 2.2, 2.1], "b": [1.0, 1.2, 1.1], "c": [8.0, 8.2]}
ACCURACIES = {"a": 70.0, "b": 71.0, "c": 75.0}


def _rows(trials_ms: dict[str, list[float]], **values: Any) -> list[dict[str, Any]]:
    return [
        {
            "model": f"s/{name}",
            "latency_median_ms": sorted(found)[len(found) // 2],
            "latency_trials_ms": " ".join(map(str, found)),
            "trials_count": len(found),
            "accuracy_published_top1_percent": ACCURACIES[name],
            "run_seed": 7,
            **values,
        }
        for name, found in trials_ms.items()
    ]


def test_trials_are_paired_by_round(make_rows: MakeRows) -> None:
    (change,) = side_by_side(make_rows([*_rows(FIRST), *_rows(SECOND, **OPENVINO)]))
    a, b, c = change.ranks
    # The phases of the machine are in both, and cancel.
    assert (a.ratio, a.ratio_low, a.ratio_high) == pytest.approx((0.5, 0.5, 0.5))
    assert (b.ratio_low, b.ratio_high) == pytest.approx(interval_over_trials([0.2, 0.24, 0.22]))
    # Only the rounds that both have.
    assert c.ratio == pytest.approx((1.0 + 1.025) / 2)
    assert change.mean_ratio == pytest.approx((0.5 * 0.22 * 1.0125) ** (1 / 3))


@pytest.mark.parametrize("values", [{"run_seed": 8}, {"device": "another"}])
def test_other_runs_and_devices_are_not_paired(make_rows: MakeRows, values: dict[str, Any]) -> None:
    assert side_by_side(make_rows([*_rows(FIRST), *_rows(SECOND, **OPENVINO, **values)])) == []
    assert runtimes_section([], ALONE) == []


def test_only_equal_precisions_are_compared_where_both_runtimes_have_both(make_rows: MakeRows) -> None:
    rows = [
        one
        for precision in ("fp32", "int8")
        for one in (*_rows(FIRST, precision=precision), *_rows(SECOND, precision=precision, **OPENVINO))
    ]
    compared = [(one.first.precision, one.second.precision) for one in side_by_side(make_rows(rows))]
    assert compared == [("fp32", "fp32"), ("int8", "int8")]
    without = [one for one in rows if (one.get("backend"), one["precision"]) != ("openvino", "fp32")]
    compared = [(one.first.precision, one.second.precision) for one in side_by_side(make_rows(without))]
    assert compared == [("fp32", "int8"), ("int8", "int8")]


def test_the_section_has_ratio_ranks_and_frontiers(make_rows: MakeRows) -> None:
    text = "\n".join(runtimes_section(side_by_side(make_rows([*_rows(FIRST), *_rows(SECOND, **OPENVINO)])), ALONE))
    assert "### openvino over onnxruntime, fp32" in text
    assert "| Kendall's tau of the latencies | 0.333 |" in text
    assert "| on the frontier of onnxruntime only | `s/a` |" in text
    assert "| on the frontier of openvino only | none |" in text
    assert "| `s/a` | 4.200 | 2.100 | 0.500 | 0.5000 to 0.5000 | ★ 1 | 2 |" in text


def test_the_csv_has_a_line_for_each_model(make_rows: MakeRows) -> None:
    changes = side_by_side(make_rows([*_rows(FIRST), *_rows(SECOND, **OPENVINO)]))
    lines = list(csv.DictReader(runtimes_csv(changes, ALONE).splitlines()))
    assert tuple(lines[0]) == CSV_COLUMNS
    assert [line["model"] for line in lines] == ["s/a", "s/b", "s/c"]
    first = lines[0]
    assert (first["first_backend"], first["second_backend"]) == ("onnxruntime", "openvino")
    assert (first["ratio"], first["first_rank"], first["second_rank"]) == ("0.5", "1", "2")
    assert (first["first_on_frontier"], first["second_on_frontier"]) == ("true", "false")
