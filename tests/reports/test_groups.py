"""Which rows are ranked against each other, and by which accuracy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas

from reports.groups import frontiers, grouped
from reports.training import ALONE, ANY

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


def test_the_frontier_takes_the_accuracy_that_is_shown(make_rows: MakeRows) -> None:
    rows = make_rows([_row("a/1", 1.0, 80.0, accuracy_measured_top1_percent=60.0), _row("a/2", 2.0, 70.0)])
    assert grouped(rows)[0].rows["frontier"].to_list() == [True, True]


def test_a_row_without_accuracy_is_listed_and_never_on_the_frontier(make_rows: MakeRows) -> None:
    rows = make_rows([_row("onnx/mine", 0.1), _row("a/x", 5.0, 75.0)])
    group = grouped(rows)[0]
    assert group.rows["model"].to_list() == ["onnx/mine", "a/x"]
    assert group.rows["frontier"].to_list() == [False, True]


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


def test_an_accuracy_on_some_of_the_classes_is_not_ranked_beside_one_on_all(make_rows: MakeRows) -> None:
    part = {"accuracy_measured_top1_percent": 99.0, "accuracy_classes_covered_count": 10}
    rows = make_rows([_row("a/x", 5.0, 75.0), _row("a/y", 6.0, 76.0), _row("a/part", 1.0, 74.0, **part)])
    (group,) = grouped(rows)
    assert list(group.comparable["model"]) == ["a/x", "a/y"]
    both = {**part, "accuracy_measured_top1_percent": 98.0}
    (group,) = grouped(make_rows([_row("a/x", 5.0, 75.0, **both), _row("a/part", 1.0, 74.0, **part)]))
    assert group.classes == 10, "rows on the same classes are compared"
    assert list(group.comparable["model"]) == ["a/part", "a/x"]


def test_a_row_whose_classes_are_unknown_is_not_ranked(make_rows: MakeRows) -> None:
    rows = make_rows([_row("a/x", 5.0, 75.0), _row("own/y", 1.0, 90.0, classes=None)])
    group = grouped(rows)[0]
    assert group.comparable["model"].to_list() == ["a/x"]
    assert group.rows["frontier"].to_list() == [False, True]


ONE_K = "ImageNet-1k"
JFT = f"{ONE_K} + JFT-300M (unlabelled)"


def _trained(model: str, latency_ms: float, percent: float, data: str, **values: Any) -> dict[str, Any]:
    return _row(model, latency_ms, percent, accuracy_published_training_data=data, **values)


def test_the_frontier_is_among_networks_of_the_usual_data_alone_unless_asked_otherwise(make_rows: MakeRows) -> None:
    rows = make_rows(
        [
            _trained("a/more", 1.0, 90.0, JFT),
            _trained("a/x", 2.0, 70.0, ONE_K),
            _trained("a/y", 3.0, 75.0, ONE_K),
            _trained("own/unknown", 4.0, 80.0, ""),
        ]
    )
    (alone,), (among_all,) = grouped(rows), grouped(rows, ANY)
    assert alone.usual_data == ONE_K
    assert alone.rows["frontier"].to_list() == [False, True, True, True]
    assert alone.contenders["model"].to_list() == ["a/x", "a/y", "own/unknown"]
    # It is still a point of the picture.
    assert alone.comparable["model"].to_list() == ["a/more", "a/x", "a/y", "own/unknown"]
    assert among_all.rows["frontier"].to_list() == [True, False, False, False]
    assert alone.among(ANY).rows["frontier"].to_list() == [True, False, False, False]
    assert frontiers(alone.rows) == [(ANY,), (ALONE,), (ALONE,), (ALONE,)]


def test_a_measured_accuracy_is_of_the_same_training_data_unless_the_weights_are_a_file(make_rows: MakeRows) -> None:
    measured = {"accuracy_measured_top1_percent": 90.0}
    rows = [
        _trained("a/released", 1.0, 80.0, JFT, weights="released", **measured),
        _trained("a/file", 2.0, 80.0, JFT, weights="file", **measured),
        # The accuracy that is shown is the release's.
        _trained("a/file_unmeasured", 3.0, 95.0, JFT, weights="file"),
        _trained("a/x", 4.0, 70.0, ONE_K),
    ]
    (group,) = grouped(make_rows(rows))
    assert group.rows["training_data"].to_list() == [JFT, "", JFT, ONE_K]
    assert group.rows["frontier"].to_list() == [False, True, False, False]


def test_among_networks_for_another_data_set_that_one_is_the_usual(make_rows: MakeRows) -> None:
    rows = [_trained(f"lanet/{i}", 1.0 + i, 97.0 + i, "CIFAR-10", classes=10) for i in range(2)]
    (group,) = grouped(make_rows([*rows, _trained("lanet/more", 0.5, 99.0, "CIFAR-10 + CIFAR-100", classes=10)]))
    assert group.usual_data == "CIFAR-10"
    assert group.rows["frontier"].to_list() == [False, True, True]


def test_without_a_network_of_the_usual_data_alone_there_is_no_frontier(make_rows: MakeRows) -> None:
    (group,) = grouped(make_rows([_trained("a/more", 1.0, 90.0, JFT)]))
    assert not group.rows["frontier"].any()
    assert len(group.comparable) == 1


def test_rows_of_an_unknown_accuracy_are_kept_apart_from_those_of_other_classes(make_rows: MakeRows) -> None:
    rows = [
        _row("a/x", 5.0, 75.0),
        _row("a/y", 6.0, 76.0),
        _row("onnx/mine", 1.0),
        _row("lanet/x", 2.0, 98.0, classes=10),
    ]
    (group,) = grouped(make_rows(rows))
    assert group.without_accuracy["model"].to_list() == ["onnx/mine"]
    assert group.drawn["model"].to_list() == ["onnx/mine", "a/x", "a/y"]


def test_precisions_are_apart_if_a_model_has_several(make_rows: MakeRows) -> None:
    rows = [_row("a/x", 5.0, 75.0), _row("a/x", 2.0, 75.0, precision="int8"), _row("a/y", 6.0, 76.0)]
    groups = grouped(make_rows(rows))
    assert [(group.apart, list(group.rows["model"])) for group in groups] == [
        (("fp32",), ["a/x", "a/y"]),
        (("int8",), ["a/x"]),
    ]
    # The accuracy is that of fp32: together, int8 would leave no network in fp32 on the frontier.
    assert groups[0].rows["frontier"].all()


def test_a_file_in_int8_is_ranked_among_networks_in_fp32(make_rows: MakeRows) -> None:
    rows = [_row("a/x", 5.0, 75.0), _row("onnx/mine", 2.0, precision="int8")]
    (group,) = grouped(make_rows(rows))
    assert group.apart == ()
