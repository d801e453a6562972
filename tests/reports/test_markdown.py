"""results.md against a golden file and, point by point, what it must say."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas

from harness.records.run_info import RunInfo
from reports.markdown import DISTURBED_MARK, FRONTIER_MARK, SHARED_MARK, render
from reports.training import ANY

MakeRows = Callable[[list[dict[str, Any]]], pandas.DataFrame]

GOLDEN = Path(__file__).parent / "golden_results.md"


def _row(model: str, latency_ms: float, published: float | None = None, **values: Any) -> dict[str, Any]:
    return {
        "model": model,
        "latency_median_ms": latency_ms,
        "latency_low_ms": latency_ms * 0.96,
        "latency_high_ms": latency_ms * 1.05,
        "ratio_to_reference": latency_ms / 4.8,
        "ratio_low": latency_ms / 4.85,
        "ratio_high": latency_ms / 4.75,
        "accuracy_published_top1_percent": published,
        **values,
    }


SINGLE_TRIAL = {
    "trials_count": 1,
    "latency_low_ms": None,
    "latency_high_ms": None,
    "ratio_low": None,
    "ratio_high": None,
}
TRAINED = {"accuracy_published_training_data": "ImageNet-1k"}
ROWS = [
    _row("regnet/RegNetX-200MF", 5.6662, 68.9, weights="probe", **TRAINED),
    _row("ofa/flops-389M@top1|79.1", 24.31, 79.1, accuracy_measured_top1_percent=79.04, **TRAINED),
    _row("efficientnet/efficientnet_b0", 24.7281, 77.698, **SINGLE_TRIAL, **TRAINED),
    _row("efficientnet/tf_efficientnet_b7", 2425.02, 86.85, trials_count=2, trials_failed_count=1,
         reason="1 timeout of 3 trials; the newest: longer than 120 s",
         accuracy_published_training_data="ImageNet-1k + JFT-300M (unlabelled)"),
    _row("onnx/my_net", 16.6, parameters=None, macs=None, weights=""),
    _row("own/my.nets:build", 30.5, accuracy_measured_top1_percent=80.2, parameters=None, macs=None, weights=""),
    _row("lanet/lanet_s1", 1.2, 98.4, classes=10, accuracy_published_training_data="CIFAR-10"),
    {"model": "resnest/resnest269", "status": "out_of_memory", "reason": "bad_alloc | 9 GiB", "measured_at": None,
     "latency_kind": "", "trials_count": 0, "trials_failed_count": 1},
]  # fmt: skip


def test_the_report_is_the_golden_one(make_rows: MakeRows, run_info: RunInfo) -> None:
    assert render(make_rows(ROWS), [run_info], ["frontier.svg"]) == GOLDEN.read_text(encoding="utf-8")


def _line(report: str, text: str) -> str:
    (line,) = [line for line in report.splitlines() if text in line and line.startswith("|")]
    return line


def test_rows_of_different_environments_are_in_tables_of_their_own(make_rows: MakeRows, run_info: RunInfo) -> None:
    rows = make_rows([_row("a/x", 5.0, 75.0), _row("a/x", 4.0, 75.0, environment_id="e2", device="another")])
    second = dataclasses.replace(run_info, environment_id="e2", environment={"threads": 4})
    report = render(rows, [run_info, second])
    first_section, second_section = report.split("\n## another\n")
    assert "Rows of different environments are not comparable" in first_section
    for section, policy, latency in (
        (first_section, "governor performance, boost False", "5.000"),
        (second_section, "not reported by this system, so not controlled", "4.000"),
    ):
        assert section.count("| 1 | ★ | `a/x` |") == 1
        assert latency in _line(section, "`a/x`")
        assert f"| clock policy | {policy} |" in section


def test_each_batch_size_has_a_table(make_rows: MakeRows, run_info: RunInfo) -> None:
    report = render(make_rows([_row("a/x", 5.0), _row("a/x", 30.0, batch=8)]), [run_info])
    assert "### Batch 1: host time" in report
    assert "### Batch 8: host time" in report


def test_two_artifacts_of_one_model_are_distinguished(make_rows: MakeRows, run_info: RunInfo) -> None:
    exporters = ("torch.onnx.export dynamo 2.14.1", "torch.onnx.export torchscript 2.14.1")
    report = render(
        make_rows([_row("a/x", 5.0, exporter=name, artifact_sha256=name) for name in exporters]), [run_info]
    )
    assert "| model | exporter | latency ms |" in report
    assert "| `a/x` | torchscript 2.14.1 | 5.000 |" in report


def test_precision_is_a_column_only_where_it_varies(make_rows: MakeRows, run_info: RunInfo) -> None:
    assert "| model | precision |" not in render(make_rows([_row("a/x", 5.0), _row("a/y", 6.0)]), [run_info])
    report = render(make_rows([_row("a/x", 5.0), _row("a/y", 3.0, precision="fp16")]), [run_info])
    assert "| model | precision |" in report
    assert "| `a/y` | fp16 |" in report


def test_each_precision_of_a_model_has_a_table_of_its_own(make_rows: MakeRows, run_info: RunInfo) -> None:
    report = render(make_rows([_row("a/x", 5.0), _row("a/x", 3.0, precision="int8")]), [run_info])
    assert "### Batch 1, fp32: host time" in report
    assert "### Batch 1, int8: host time" in report
    assert "| model | precision |" not in report


def test_runtimes_of_one_device_are_named(make_rows: MakeRows, run_info: RunInfo) -> None:
    other = _row("a/x", 3.0, backend="openvino", runtime="openvino 2026.4.1", environment_id="e2")
    report = render(make_rows([_row("a/x", 5.0), other]), [run_info])
    assert "## a processor, onnxruntime 1.30.0" in report
    assert "## a processor, openvino 2026.4.1" in report


def test_the_training_data_are_a_column_only_where_they_differ(make_rows: MakeRows, run_info: RunInfo) -> None:
    usual = [_row("a/x", 5.0, 75.0, **TRAINED), _row("a/y", 6.0, 76.0, **TRAINED), _row("own/z", 7.0, 77.0)]
    assert "trained on" not in render(make_rows(usual), [run_info])
    more = _row("a/more", 4.0, 80.0, accuracy_published_training_data="ImageNet-1k + ImageNet-12k")
    report = render(make_rows([*usual, more]), [run_info])
    assert "| trained on, if not ImageNet-1k alone |" in report
    assert "| ImageNet-1k + ImageNet-12k |" in _line(report, "`a/more`")
    assert "ImageNet-1k" not in _line(report, "`a/x`")
    assert FRONTIER_MARK not in _line(report, "`a/more`")
    among_all = render(make_rows([*usual, more]), [run_info], training=ANY)
    assert FRONTIER_MARK in _line(among_all, "`a/more`")
    assert "| ImageNet-1k + ImageNet-12k |" in _line(among_all, "`a/more`")


def test_it_says_so_if_no_row_has_an_accuracy(make_rows: MakeRows, run_info: RunInfo) -> None:
    report = render(make_rows([_row("onnx/mine", 5.0)]), [run_info])
    assert "there is no frontier" in report
    assert FRONTIER_MARK not in _line(report, "onnx/mine")


def test_it_says_so_if_all_accuracy_is_published(make_rows: MakeRows, run_info: RunInfo) -> None:
    only, where_none = "rests on published accuracy only", "published accuracy where none was measured"
    published = _row("a/x", 5.0, 75.0)
    measured = _row("a/y", 6.0, 75.0, accuracy_measured_top1_percent=74.0)
    for rows, said in (([published], {only}), ([published, measured], {where_none}), ([measured], set())):
        report = render(make_rows(rows), [run_info])
        assert {text for text in (only, where_none) if text in report} == said


def test_a_run_that_has_measured_nothing_says_so(make_rows: MakeRows, run_info: RunInfo) -> None:
    skipped = {"model": "a/x", "status": "skipped", "reason": "not measured yet", "measured_at": None}
    report = render(make_rows([skipped]), [run_info])
    assert "| measured | nothing yet |" in report
    assert "not measured yet" in _line(report, "`a/x`")
    assert "Nothing is planned or measured yet" in render(make_rows([]), [run_info])


def test_a_report_can_do_without_run_json(make_rows: MakeRows) -> None:
    report = render(make_rows([_row("a/x", 5.0)]), [])
    assert "| device | a processor |" in report
    assert "| threads | 2 |" in report


def test_rows_that_show_the_trials_of_another_are_marked(make_rows: MakeRows, run_info: RunInfo) -> None:
    rows = [_row("ofa/a", 10.0, 75.0), _row("ofa/b", 10.0, 76.0, measured_as="ofa/a")]
    report = render(make_rows(rows), [run_info])
    assert [SHARED_MARK in _line(report, model) for model in ("`ofa/a`", "`ofa/b`")] == [False, True]
    assert f"- **{SHARED_MARK}**: the row shows the trials of another row" in report
    assert SHARED_MARK not in render(make_rows(rows[:1]), [run_info])


def test_rows_that_others_disturbed_are_marked(make_rows: MakeRows, run_info: RunInfo) -> None:
    quiet = _row("regnet/quiet", 5.0, 70.0, blocks_count=20, blocks_contaminated_count=10)
    disturbed = _row("regnet/disturbed", 6.0, 71.0, blocks_count=20, blocks_contaminated_count=11)
    report = render(make_rows([quiet, disturbed]), [run_info])
    assert DISTURBED_MARK in _line(report, "`regnet/disturbed`")
    assert DISTURBED_MARK not in _line(report, "`regnet/quiet`")
    assert f"1 of 2 rows ({DISTURBED_MARK}) were measured while other programs" in report


def test_rows_of_a_slow_phase_of_the_machine_are_marked(make_rows: MakeRows, run_info: RunInfo) -> None:
    usual = [_row(f"regnet/usual{i}", 5.0, 70.0, reference_median_ms=2.9 + 0.01 * i) for i in range(5)]
    slow = _row("regnet/slow", 6.0, 71.0, reference_median_ms=4.0)
    report = render(make_rows([*usual, slow]), [run_info])
    marked = [line for line in report.splitlines() if line.startswith("|") and DISTURBED_MARK in line]
    assert len(marked) == 1
    assert "`regnet/slow`" in marked[0]
