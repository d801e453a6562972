"""The sections below the table, and what a small run shows instead."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.fakes.published import stated
from tests.reports.html.browser.driving import column_texts, open_run

pytestmark = pytest.mark.browser

MakeRun = Callable[..., Path]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"status": "failed", "reason": "no memory", "latency_kind": ""}, "no memory"),
        ({"status": "failed", "latency_kind": ""}, "No row has a latency, so there is no picture."),
        ({"model": "a/x", "status": "failed", "latency_kind": ""}, "No artifact was made in these runs"),
        ({"model": "a/x", "latency_median_ms": 5.0, "accuracy_published_top1_percent": 75.0}, "1 network: onnx"),
        ({"latency_median_ms": 5.0}, "No row has an accuracy, so there is no frontier."),
        ({"latency_median_ms": 5.0, "accuracy_published_top1_percent": 75.0}, "1 network: onnxruntime 1.30.0"),
        (
            {"latency_median_ms": 5.0, "accuracy_measured_top1_percent": 75.0},
            "None of the networks that were measured with images has a published accuracy.",
        ),
    ],
)
def test_a_run_of_one_row(
    page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path, row: dict[str, Any], says: str
) -> None:
    open_run(page, make_run("small", [{"model": "onnx/mine", **row}]), tmp_path / "small.html")
    assert page.find_element(By.ID, "filter-count").text == "1 of 1 row shown"
    assert len(column_texts(page, "model")) == 1
    assert says in page.find_element(By.ID, "main").text


def test_a_reason_with_markup_is_shown_as_text(page: webdriver.Chrome) -> None:
    assert page.title == "Latency against accuracy: a processor, a GPU"
    (reason, other) = column_texts(page, "reason", "failures")
    assert reason.startswith("out of memory </script><script>document.title='owned'</script><b>8 GiB</b>")
    assert other == "no such layer"


def test_rank_changes_follow_the_pair_that_is_chosen(page: webdriver.Chrome) -> None:
    section = page.find_element(By.ID, "rank-comparison")
    before = section.text
    assert "τ\n0." in before
    Select(page.find_element(By.ID, "rank-pair")).select_by_index(1)
    assert "B: a GPU, tensorrt fp16, batch 1" in section.text
    assert section.text != before


def test_runtimes_side_by_side_have_ratios_and_go_by_their_names(
    page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path
) -> None:
    openvino = {"backend": "openvino", "runtime": "openvino 2026.4.1", "environment_id": "e2"}
    rows = [
        {
            "model": f"a/{name}",
            "latency_median_ms": latency_ms / (1 + 3 * bool(other)),
            "latency_trials_ms": " ".join([str(latency_ms / (1 + 3 * bool(other)))] * 2),
            "accuracy_published_top1_percent": 70.0 + latency_ms,
            "run_seed": 7,
            **other,
        }
        for other in ({}, openvino)
        for name, latency_ms in (("x", 2.0), ("y", 4.0), ("z", 8.0))
    ]
    open_run(page, make_run("both", rows), tmp_path / "both.html")
    text = page.find_element(By.ID, "ranks").text
    assert "A: a processor, onnxruntime 1.30.0, fp32, batch 1" in text
    assert "0.250 (geometric mean of the second over the first)" in text
    assert "On the frontier of openvino only (0)" in text
    assert column_texts(page, "ratio", "rank-table") == ["0.250"] * 3


def test_measured_accuracy_stands_beside_the_published_one(page: webdriver.Chrome) -> None:
    assert len(column_texts(page, "difference", "accuracy")) == 7
    assert set(column_texts(page, "difference", "accuracy")) == {"\N{MINUS SIGN}0.10"}
    assert set(column_texts(page, "published figure", "accuracy")) == {"inside"}


def test_published_latencies_stand_beside_the_measured_ones(
    page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path
) -> None:
    figures = {"a": (1.0, 70.0), "b": (3.0, 74.0), "c": (2.0, 75.0)}
    accuracy = "accuracy_published_top1_percent"
    rows = [
        {"model": f"s/{name}", "precision": precision, "latency_median_ms": latency_ms, accuracy: percent}
        for name, (ms, percent) in figures.items()
        # In fp16 the order is reversed.
        for precision, latency_ms in (("fp32", ms), ("fp16", 1 / ms))
    ]
    run = make_run("small", rows)
    series = stated("a <b>phone</b>", {"a": 5.0, "b": 8.0, "c": 20.0}, target="a <b>phone</b>").values()
    (run / "series.json").write_text(json.dumps([one.to_json() for one in series]))
    open_run(page, run, tmp_path / "small.html")
    assert column_texts(page, "published on", "published-orders") == ["a <b>phone</b>, TensorRT 8, batch 1"]
    assert column_texts(page, "Kendall\N{RIGHT SINGLE QUOTATION MARK}s τ", "published-orders") == ["0.33"]
    assert column_texts(page, "most out of place", "published-orders") == ["b: published 2, measured 3"]
    assert column_texts(page, "which", "searched") == ["a, c"]
    assert column_texts(page, "above it", "searched") == ["50"]

    Select(page.find_element(By.ID, "published-measured")).select_by_visible_text("onnxruntime fp16, batch 1")
    assert column_texts(page, "Kendall\N{RIGHT SINGLE QUOTATION MARK}s τ", "published-orders") == ["\N{MINUS SIGN}0.33"]
    for summary in page.find_elements(By.CSS_SELECTOR, "#published-section summary"):
        summary.click()
    marks = "#published-section figure .mark"
    WebDriverWait(page, 10).until(lambda d: len(d.find_elements(By.CSS_SELECTOR, marks)) == 3)
    assert column_texts(page, "change", "published-latencies") == ["+2", *["\N{MINUS SIGN}1"] * 2]


def test_two_networks_have_figures_and_no_picture_of_an_order(
    page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run("small", [{"model": "s/a", "latency_median_ms": 1.0}, {"model": "s/b", "latency_median_ms": 2.0}])
    series = stated("a phone", {"a": 5.0, "b": 8.0}).values()
    (run / "series.json").write_text(json.dumps([one.to_json() for one in series]))
    open_run(page, run, tmp_path / "small.html")
    section = page.find_element(By.ID, "published-section")
    assert [one.text for one in section.find_elements(By.TAG_NAME, "summary")] == ["Every figure (2)"]
    assert "null" not in section.text.splitlines()


def test_a_run_without_published_latencies_has_no_such_section(page: webdriver.Chrome) -> None:
    assert page.find_elements(By.ID, "published-section") == []


def test_accuracy_without_latency_and_why_there_is_none(
    page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path
) -> None:
    skipped = {"status": "skipped", "reason": "not measured yet", "latency_kind": "", "measured_at": None}
    figures = {
        "accuracy_measured_top1_percent": 75.0, "accuracy_measured_top1_low_percent": 74.0,
        "accuracy_measured_top1_high_percent": 76.0, "accuracy_measured_top5_percent": 92.5,
        "accuracy_images_count": 1000, "accuracy_unreadable_count": 1, "accuracy_published_top1_percent": 77.5,
    }  # fmt: skip
    rows = [
        {"model": "a/x", **skipped, **figures},
        {"model": "onnx/mine", **skipped, **figures, "accuracy_published_top1_percent": None},
        *({"model": f"a/{name}", **skipped, "accuracy_measured_reason": "knows <nothing>"} for name in "yz"),
    ]
    open_run(page, make_run("small", rows), tmp_path / "small.html")
    assert column_texts(page, "published figure", "accuracy") == ["outside", ""]
    assert column_texts(page, "difference", "accuracy") == ["\N{MINUS SIGN}2.50", ""]
    assert column_texts(page, "top-5", "accuracy") == ["92.50", "92.50"]
    assert column_texts(page, "unreadable", "accuracy") == ["1", "1"]
    assert column_texts(page, "reason", "accuracy-reasons") == ["knows <nothing>"]
    assert column_texts(page, "models", "accuracy-reasons") == ["a/y, a/z"]
