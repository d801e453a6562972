"""The notes on a frontier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas

from reports.groups import Group, grouped
from reports.notes import frontier_notes, unknown_data
from reports.training import ALONE, ANY, Training

MakeRows = Callable[[list[dict[str, Any]]], pandas.DataFrame]

ONE_K = "ImageNet-1k"


def _row(model: str, data: str = ONE_K, **values: Any) -> dict[str, Any]:
    return {
        "model": model,
        "latency_median_ms": 5.0,
        "accuracy_published_top1_percent": 75.0,
        "accuracy_published_training_data": data,
        **values,
    }


def _group(make_rows: MakeRows, rows: list[dict[str, Any]], training: Training = ALONE) -> Group:
    (group,) = grouped(make_rows(rows), training)
    return group


def _notes(make_rows: MakeRows, rows: list[dict[str, Any]], training: Training = ALONE) -> str:
    return " ".join(frontier_notes(_group(make_rows, rows, training)))


def test_a_frontier_of_like_with_like_needs_no_word_on_it(make_rows: MakeRows) -> None:
    notes = frontier_notes(_group(make_rows, [_row("a/x"), _row("a/y")]))
    assert notes == ["The frontier rests on published accuracy only: none of its networks was measured with images."]


def test_they_say_among_which_networks_it_is_and_what_the_others_saw(make_rows: MakeRows) -> None:
    rows = [_row("a/x"), _row("a/y"), _row("a/z", f"{ONE_K} + JFT-300M (unlabelled)")]
    assert (
        "among networks that learned from ImageNet-1k alone. 1 of 3 networks also saw JFT-300M (unlabelled): hollow in "
        "the picture, and not on the frontier."
    ) in _notes(make_rows, rows)
    told = _notes(make_rows, rows, ANY)
    assert "among all networks, whatever they learned from. 1 of 3 networks also saw" in told
    assert "not on the frontier" not in told


def test_they_say_so_if_none_learned_from_the_usual_data_alone(make_rows: MakeRows) -> None:
    told = _notes(make_rows, [_row("a/x", f"{ONE_K} + ImageNet-12k")])
    assert "None of the networks learned from ImageNet-1k alone" in told
    assert "so there is no frontier" in told


def test_only_networks_on_the_frontier_count_for_the_kind_of_accuracy(make_rows: MakeRows) -> None:
    more = {"accuracy_measured_top1_percent": 80.0}
    rows = [_row("a/x"), _row("a/y", f"{ONE_K} + ImageNet-12k", **more), _row("a/ten", classes=10, **more), _row("a/z")]
    assert "rests on published accuracy only" in _notes(make_rows, rows)
    assert "uses published accuracy where none was measured" in _notes(make_rows, rows, ANY)


def test_networks_of_unknown_training_are_named_and_many_are_counted(make_rows: MakeRows) -> None:
    few = _group(make_rows, [_row("a/x"), _row("own/a.b:c", "")])
    assert "The training data of `own/a.b:c` is not known; the frontier includes such networks." in frontier_notes(few)
    assert unknown_data(few) == "training data of 1 network not known"
    many = _group(make_rows, [_row("a/x"), *(_row(f"own/{i}", "") for i in range(6))])
    assert any("The training data of 6 of 7 networks is not known" in note for note in frontier_notes(many))
    assert unknown_data(many) == "training data of 6 networks not known"


def test_a_run_that_recorded_no_training_data_says_it_once(make_rows: MakeRows) -> None:
    group = _group(make_rows, [_row("a/x", ""), _row("a/y", "")])
    assert "The training data of the networks is not known" in frontier_notes(group)[-1]
    assert unknown_data(group) == "training data not known"


def test_a_network_that_takes_no_part_needs_no_training_data(make_rows: MakeRows) -> None:
    group = _group(make_rows, [_row("a/x"), _row("onnx/mine", "", accuracy_published_top1_percent=None)])
    assert unknown_data(group) == ""
    assert not any("onnx/mine" in note for note in frontier_notes(group))
