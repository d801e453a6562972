"""The table of all rows: sorted, filtered, distinguished."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.reports.html.browser.driving import choose, column_texts, open_run

pytestmark = pytest.mark.browser

MakeRun = Callable[..., Path]

ROWS = 34 + 1 + 2 * 33 + 1


def _header(page: webdriver.Chrome, label: str) -> WebElement:
    (button,) = page.find_elements(By.XPATH, f"//table[@id='results']//th/button[text()[1]='{label}']")
    return button


def _sort(page: webdriver.Chrome, label: str) -> str | None:
    _header(page, label).click()
    return _header(page, label).find_element(By.XPATH, "..").get_attribute("aria-sort")


def test_a_press_sorts_and_another_reverses(page: webdriver.Chrome) -> None:
    assert _sort(page, "params") == "ascending"
    assert _sort(page, "latency") == "ascending"
    for expected, reverse in (("ascending", False), ("descending", True)):
        environments, latencies = column_texts(page, "env."), column_texts(page, "latency")
        assert len(latencies) == ROWS
        # Environments and precisions are never mixed, rows without a figure come last.
        assert environments == ["A"] * 34 + ["B"] * 66 + ["A", "B"]
        assert latencies[100:] == ["", ""]
        for part in (latencies[:34], latencies[34:67], latencies[67:100]):
            assert [float(text) for text in part] == sorted(map(float, part), reverse=reverse)
        if expected == "ascending":
            assert _sort(page, "latency") == "descending"


def test_names_sort_as_a_reader_counts_and_by_the_keyboard(page: webdriver.Chrome) -> None:
    _header(page, "model").send_keys(Keys.ENTER)
    names = column_texts(page, "model")[:34]
    assert names == sorted(names)
    _header(page, "model").send_keys(Keys.SPACE)
    assert column_texts(page, "model")[:34] == sorted(names, reverse=True)


def test_accuracy_sorts_from_the_best(page: webdriver.Chrome) -> None:
    assert _sort(page, "top-1") == "descending"
    accuracies = [float(text.split()[0]) for text in column_texts(page, "top-1")[:34]]
    assert accuracies == sorted(accuracies, reverse=True)


def test_filters_leave_the_rows_asked_for(page: webdriver.Chrome) -> None:
    count = page.find_element(By.ID, "filter-count")
    assert count.text == f"{ROWS} of {ROWS} rows shown"
    page.find_element(By.ID, "filter-text").send_keys("NET-1 beta")
    assert {name.split("/")[1][:5] for name in column_texts(page, "model")} == {"net-1"}
    assert {name.split("/")[0] for name in column_texts(page, "model")} == {"beta"}
    choose(page, "precision", "fp16")
    assert set(column_texts(page, "precision")) == {"fp16"}
    assert count.text == f"{len(column_texts(page, 'model'))} of {ROWS} rows shown"
    page.find_element(By.CSS_SELECTOR, "form button[type=reset]").click()
    WebDriverWait(page, 5).until(lambda _: count.text == f"{ROWS} of {ROWS} rows shown")


@pytest.mark.parametrize(
    ("label", "value", "column", "left"),
    [
        ("source", "gamma", "model", 11 + 2 * 11),
        ("backend", "tensorrt", "backend", 67),
        ("status", "out of memory", "status", 1),
        ("environment", "B: a GPU", "env.", 67),
    ],
)
def test_each_selector_filters_its_column(
    page: webdriver.Chrome, label: str, value: str, column: str, left: int
) -> None:
    choose(page, label, value)
    texts = column_texts(page, column)
    assert len(texts) == left
    assert all(text.startswith(value.split(":")[0]) for text in texts)


def test_the_frontier_alone_and_a_filter_that_leaves_nothing(page: webdriver.Chrome) -> None:
    page.find_element(By.ID, "filter-frontier").click()
    ranks = column_texts(page, "#")
    assert ranks
    assert all(rank.startswith("★") for rank in ranks)
    page.find_element(By.ID, "filter-text").send_keys("no such network")
    assert page.find_element(By.CSS_SELECTOR, "#results tbody").text == "No row matches."


def test_a_table_of_failures_says_that_they_are(page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path) -> None:
    rows = [{"model": f"a/{name}", "status": "out_of_memory", "latency_kind": ""} for name in "xy"]
    open_run(page, make_run("failures", rows), tmp_path / "failures.html")
    assert column_texts(page, "status") == ["out of memory"] * 2


def test_two_artifacts_of_one_model_are_distinguished(
    page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path
) -> None:
    rows = [
        {
            "model": "a/x",
            "latency_median_ms": 5.0,
            "weights": weights,
            "exporter": f"tf2onnx 1.{minor}",
            "artifact_sha256": weights,
        }
        for minor, weights in enumerate(("probe", "released"))
    ]
    open_run(page, make_run("artifacts", rows), tmp_path / "artifacts.html")
    assert sorted(column_texts(page, "weights")) == ["probe", "released"]
    assert sorted(column_texts(page, "exporter")) == ["tf2onnx 1.0", "tf2onnx 1.1"]


def test_a_name_in_the_table_opens_the_facts_of_its_row(page: webdriver.Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, "#results tbody button").click()
    dialog = page.find_element(By.ID, "facts")
    assert dialog.find_element(By.TAG_NAME, "h2").text == column_texts(page, "model")[0]
    dialog.find_element(By.TAG_NAME, "button").click()
    assert not dialog.is_displayed()
