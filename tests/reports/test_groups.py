"""Which rows are ranked against each other, and by which accuracy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas

from reports.groups import grouped

MakeRows = Callable[[list[dict[str, Any]]], pandas.DataFrame]


def _row(model: str, latency_ms: float, published: float | None = None, **values: Any) -> dict[str, Any]:
    return {
        "model": model,
        "latency_median_ms": latency_ms,
        "accuracy_published_top1_percent": published,
        **values,
    }


def test_environments_batches_and_kinds_of_latency_are_kept_apart(make_rows: MakeRows) -> None:
    rows = make_rows(
        [
            _row("a/x", 5.0),
            _row("a/x", 9.0, batch=8),
            _row("a/x", 4.0, environment_id="e2"),
            _row("a/x", 1.0, latency_kind="gpu_compute"),
            _row("a/y", 6.0),
        ]
    )
    groups = grouped(rows)
    assert [(group.environment_id, group.latency_kind, group.batch) for group in groups] == [
        ("e1", "host", 1),
        ("e1", "host", 8),
        ("e2", "host", 1),
        ("e1", "gpu_compute", 1),
    ]
    assert groups[0].rows["model"].to_list() == ["a/x", "a/y"]


def test_rows_are_sorted_by_latency_and_only_ok_ones_are_ranked(make_rows: MakeRows) -> None:
    rows = make_rows([_row("a/slow", 9.0), {"model": "a/failed", "status": "failed"}, _row("a/fast", 3.0)])
    assert grouped(rows)[0].rows["model"].to_list() == ["a/fast", "a/slow"]


def test_measured_accuracy_takes_precedence_over_published(make_rows: MakeRows) -> None:
    rows = make_rows(
        [
            _row("a/1", 1.0, 70.0, accuracy_measured_top1_percent=69.0),
            _row("a/2", 2.0, 75.0),
            _row("a/3", 3.0),
        ]
    )
    group = grouped(rows)[0]
    assert group.rows["accuracy_kind"].to_list() == ["measured", "published", ""]
    assert group.rows["accuracy_percent"].to_list()[:2] == [69.0, 75.0]
    assert group.accuracy_kinds == {"measured", "published"}


def test_the_frontier_takes_the_accuracy_that_is_shown(make_rows: MakeRows) -> None:
    rows = make_rows([_row("a/1", 1.0, 80.0, accuracy_measured_top1_percent=60.0), _row("a/2", 2.0, 70.0)])
    assert grouped(rows)[0].rows["frontier"].to_list() == [True, True]


def test_a_row_without_accuracy_is_listed_and_never_on_the_frontier(make_rows: MakeRows) -> None:
    rows = make_rows([_row("onnx/mine", 0.1), _row("a/x", 5.0, 75.0)])
    group = grouped(rows)[0]
    assert group.rows["model"].to_list() == ["onnx/mine", "a/x"]
    assert group.rows["frontier"].to_list() == [False, True]


def test_an_accuracy_that_is_not_ranked_is_not_a_kind_of_the_frontier(make_rows: MakeRows) -> None:
    ten = _row("lanet/x", 1.0, accuracy_measured_top1_percent=98.0, classes=10)
    group = grouped(make_rows([_row("a/x", 5.0, 75.0), _row("a/y", 6.0, 76.0), ten]))[0]
    assert group.accuracy_kinds == {"published"}


def test_rows_with_other_classes_are_listed_and_never_on_the_frontier(make_rows: MakeRows) -> None:
    rows = make_rows([_row("a/x", 5.0, 75.0), _row("a/y", 6.0, 76.0), _row("lanet/x", 1.0, 98.0, classes=10)])
    group = grouped(rows)[0]
    assert group.classes == 1000
    assert dict(zip(group.rows["model"], group.rows["frontier"], strict=True)) == {
        "lanet/x": False,
        "a/x": True,
        "a/y": True,
    }


def test_without_any_accuracy_there_is_no_frontier(make_rows: MakeRows) -> None:
    group = grouped(make_rows([_row("a/x", 5.0, classes=None), _row("a/y", 6.0)]))[0]
    assert group.classes is None
    assert not group.rows["frontier"].any()


def test_nothing_measured_has_no_groups(make_rows: MakeRows) -> None:
    assert grouped(make_rows([{"model": "a/x", "status": "skipped"}])) == []
    assert grouped(make_rows([])) == []


def test_a_row_whose_classes_are_unknown_is_not_ranked(make_rows: MakeRows) -> None:
    rows = make_rows([_row("a/x", 5.0, 75.0), _row("own/y", 1.0, 90.0, classes=None)])
    group = grouped(rows)[0]
    assert group.comparable["model"].to_list() == ["a/x"]
    assert group.rows["frontier"].to_list() == [False, True]
