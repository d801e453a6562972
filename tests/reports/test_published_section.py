"""Published latencies in results.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas

from harness.records.run_info import RunInfo
from reports.markdown import render
from reports.published_section import published_section
from reports.training import ALONE
from tests.fakes.published import stated

MakeRows = Callable[[list[dict[str, Any]]], pandas.DataFrame]

PUBLISHED = stated("a | phone", {"a": 5.0, "b": 8.0, "c": 20.0}, target="a | phone")


def _rows(**values: Any) -> list[dict[str, Any]]:
    figures = {"a": (1.0, 70.0), "b": (3.25, 74.0), "c": (2.0, 75.0)}
    return [
        {"model": f"s/{name}", "latency_median_ms": ms, "accuracy_published_top1_percent": top1, **values}
        for name, (ms, top1) in figures.items()
    ]


def test_the_orders_the_figures_and_the_groups(make_rows: MakeRows) -> None:
    text = "\n".join(published_section(make_rows(_rows()), PUBLISHED, ALONE))
    conditions = "a \\| phone, TensorRT 8, batch 1"
    assert f"| s | {conditions} | 3 | 0.33 | `s/b`: published 2, measured 3 |" in text
    assert f"| {conditions} | `b` | 8 | 2 | 3.250 | 3 |" in text
    assert "| a \\| phone | s | 3 | 2 | 62 % |" in text
    assert "measured with" not in text


def test_several_configurations_are_named(make_rows: MakeRows) -> None:
    rows = make_rows([*_rows(), *_rows(precision="fp16")])
    text = "\n".join(published_section(rows, PUBLISHED, ALONE))
    assert "| s | a \\| phone, TensorRT 8, batch 1 | onnxruntime fp16, batch 1 | 3 |" in text
    assert "| a \\| phone | s | onnxruntime fp16, batch 1 | 3 | 2 |" in text


def test_two_models_have_figures_and_no_order(make_rows: MakeRows) -> None:
    text = "\n".join(published_section(make_rows(_rows()[:2]), PUBLISHED, ALONE))
    assert "| s | a \\| phone, TensorRT 8, batch 1 | 2 |  |  |" in text


def test_the_report_has_the_section_where_something_is_stated(make_rows: MakeRows, run_info: RunInfo) -> None:
    title = "### Published latency beside measured"
    rows = make_rows(_rows())
    assert title in render(rows, [run_info], stated=PUBLISHED)
    assert title not in render(rows, [run_info])
    assert title not in render(rows, [run_info], stated=stated("a phone", {"elsewhere": 1.0}, target="a phone"))
