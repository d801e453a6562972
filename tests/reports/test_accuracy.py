from __future__ import annotations

from typing import Any

from harness.records.run_info import RunInfo
from reports.cautions import cautions
from reports.groups import grouped
from reports.markdown import render
from tests.reports.conftest import MakeRows


def _row(model: str, top1: float | None = None, published: float | None = None, **values: Any) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    if top1 is not None:
        measured = {
            "accuracy_measured_top1_percent": top1,
            "accuracy_measured_top1_low_percent": top1 - 0.4,
            "accuracy_measured_top1_high_percent": top1 + 0.4,
            "accuracy_measured_top5_percent": 95.0,
            "accuracy_images_count": 49_998,
            "accuracy_unreadable_count": 2,
            "accuracy_classes_covered_count": 1000,
            "accuracy_images_digest": "d1",
        }
    if top1 is not None and published is not None:
        measured["accuracy_difference_percent"] = top1 - published
        measured["accuracy_published_in_interval"] = "yes" if abs(top1 - published) <= 0.4 else "no"
    return {"model": model, "accuracy_published_top1_percent": published, **measured, **values}


def _lines(report: str, title: str) -> list[str]:
    """The rows of the table below a title."""
    table = report.split(f"### {title}\n\n")[1].split("\n\n")[0]
    return table.strip().splitlines()[2:]


def test_what_was_measured_stands_beside_what_was_published(make_rows: MakeRows, run_info: RunInfo) -> None:
    rows = [_row("a/x", 77.2, 77.0), _row("a/y", 70.0, 72.5, precision="int8"), _row("onnx/mine", 80.0)]
    report = render(make_rows(rows), [run_info])
    found = _lines(report, "Accuracy measured with images")
    assert [line.removesuffix(" 49,998 | 2 | 1,000 |") for line in found] == [
        "| `onnx/mine` | onnxruntime | fp32 | 80.00 | 79.60 to 80.40 | 95.00 |  |  |  |",
        "| `a/x` | onnxruntime | fp32 | 77.20 | 76.80 to 77.60 | 95.00 | 77.00 | +0.20 | inside |",
        "| `a/y` | onnxruntime | int8 | 70.00 | 69.60 to 70.40 | 95.00 | 72.50 | -2.50 | outside |",
    ]


def test_a_part_of_the_classes_is_shown_as_such(make_rows: MakeRows, run_info: RunInfo) -> None:
    (line,) = _lines(
        render(make_rows([_row("a/x", 90.0, accuracy_classes_covered_count=200)]), [run_info]),
        "Accuracy measured with images",
    )
    assert line.endswith("| 49,998 | 2 | 200 of 1,000 |")


def test_accuracy_without_latency_is_shown(make_rows: MakeRows, run_info: RunInfo) -> None:
    skipped = {"status": "skipped", "reason": "not measured yet", "measured_at": None, "latency_median_ms": None}
    report = render(make_rows([_row("a/x", 77.2, 77.0, **skipped)]), [run_info])
    assert len(_lines(report, "Accuracy measured with images")) == 1
    (line,) = _lines(report, "Evaluated with images, not timed")
    assert line.startswith("| `a/x` | onnxruntime | fp32 | 1 | 77.20 | skipped | not measured yet")
    assert "### Not measured" not in report


def test_a_row_without_latency_and_accuracy_is_not_measured(make_rows: MakeRows, run_info: RunInfo) -> None:
    failed = {"status": "failed", "reason": "no such operator", "measured_at": None, "latency_median_ms": None}
    report = render(make_rows([_row("a/x", 77.2), _row("a/y", **failed)]), [run_info])
    assert [line.split(" | ")[0] for line in _lines(report, "Not measured")] == ["| `a/y`"]
    assert "not timed" not in report


def test_how_an_accuracy_was_computed_is_beside_it(make_rows: MakeRows, run_info: RunInfo) -> None:
    rows = [_row("a/x", 77.2), _row("a/y", 76.0, accuracy_computed_in="float32, each result rounded to float16")]
    plain, rounded = _lines(render(make_rows(rows), [run_info]), "Accuracy measured with images")
    assert (plain.split(" | ")[-1], rounded.split(" | ")[-1]) == (" |", "float32, each result rounded to float16 |")
    assert "computed in" not in render(make_rows(rows[:1]), [run_info])


def test_reasons_are_given_once_with_their_models(make_rows: MakeRows, run_info: RunInfo) -> None:
    rows = [_row(f"a/{index}", accuracy_measured_reason="probe weights | know nothing") for index in range(7)]
    rows.append(_row("a/other", accuracy_measured_reason="10 classes"))
    report = render(make_rows(rows), [run_info])
    assert _lines(report, "No accuracy measured") == [
        "| probe weights \\| know nothing | `a/0`, `a/1`, `a/2`, `a/3`, `a/4` and 2 more |",
        "| 10 classes | `a/other` |",
    ]


def test_accuracy_that_was_not_requested_is_not_mentioned(make_rows: MakeRows, run_info: RunInfo) -> None:
    report = render(make_rows([_row("a/x", published=77.0)]), [run_info])
    assert "### Accuracy" not in report
    assert "### No accuracy" not in report


def test_accuracies_on_different_images_do_not_compare(make_rows: MakeRows) -> None:
    same = make_rows([_row("a/x", 77.2), _row("a/y", 70.0), _row("a/z", published=71.0)])
    (group,) = grouped(same)
    assert not [text for text in cautions(group) if "sets of images" in text]
    (group,) = grouped(make_rows([_row("a/x", 77.2), _row("a/y", 70.0, accuracy_images_digest="d2")]))
    (text,) = [text for text in cautions(group) if "sets of images" in text]
    assert "2 different sets of images" in text


def test_the_table_says_so_if_no_latency_was_measured(make_rows: MakeRows, run_info: RunInfo) -> None:
    skipped = {"status": "skipped", "reason": "not measured yet", "measured_at": None, "latency_median_ms": None}
    rows = [_row("a/x", 77.2, **skipped), _row("a/y", 70.0, accuracy_images_digest="d2", **skipped)]
    assert "2 different sets of images, which cannot be compared" in render(make_rows(rows), [run_info])
    assert "sets of images" not in render(make_rows(rows[:1]), [run_info])
