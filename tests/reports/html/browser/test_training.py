"""Hollow marks, ticks, and the choice among which networks the frontier is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from reports.html.page import write_page
from reports.runs import load_runs
from reports.training import ANY
from tests.reports.html.browser.driving import choose, column_texts, focus, hover, open_run

pytestmark = pytest.mark.browser

MakeRun = Callable[..., Path]

ONE_K = "ImageNet-1k"
JFT = f"{ONE_K} + JFT-300M (unlabelled), through the teacher"


def _row(model: str, latency_ms: float, percent: float | None, data: str = ONE_K, **values: Any) -> dict[str, Any]:
    return {
        "model": model,
        "latency_median_ms": latency_ms,
        "accuracy_published_top1_percent": percent,
        "accuracy_published_training_data": data,
        **values,
    }


ROWS = [
    _row("a/fast", 2.0, 70.0),
    _row("b/good", 10.0, 80.0),
    _row("b/beaten", 11.0, 79.0),
    _row("b/taught", 12.0, 85.0, JFT, accuracy_published_teacher="a large network"),
    _row("own/pkg:build", 30.0, None, "", accuracy_measured_top1_percent=82.0),
    _row("c/silent", 40.0, None),
    _row("onnx/mine", 0.5, None, ""),
]


@pytest.fixture
def trained(page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path) -> webdriver.Chrome:
    open_run(page, make_run("trained", ROWS), tmp_path / "trained.html")
    _wait_for_picture(page)
    return page


def _wait_for_picture(page: webdriver.Chrome) -> None:
    WebDriverWait(page, 10).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#frontier-0 .label"))


def _models(page: webdriver.Chrome, marks: str) -> set[str]:
    """Models with a mark that matches."""
    found = page.find_elements(By.CSS_SELECTOR, f"#frontier-0 g:has(> {marks})")
    return {str(node.get_attribute("data-model")) for node in found}


def _labels(page: webdriver.Chrome) -> set[str]:
    return {label.text for label in page.find_elements(By.CSS_SELECTOR, "#frontier-0 .label")}


def _on_frontier(page: webdriver.Chrome) -> set[str]:
    """Models with a star in the table."""
    ranks = zip(column_texts(page, "model"), column_texts(page, "#"), strict=True)
    return {model.replace("\n", "") for model, rank in ranks if rank.startswith("★")}


def test_networks_that_saw_more_are_hollow_with_their_data_in_table_and_tooltip(trained: webdriver.Chrome) -> None:
    assert _models(trained, ".mark.hollow") == {"b/taught"}
    assert set(column_texts(trained, "trained on")) == {"", JFT}
    facts = hover(trained, trained.find_element(By.CSS_SELECTOR, '#frontier-0 g[data-model="b/taught"] .mark'))
    assert facts["trained on"] == JFT
    assert facts["teacher"] == "a large network"
    assert facts["frontier"] == "not ranked: other training data"
    of_unknown = hover(
        trained, trained.find_element(By.CSS_SELECTOR, '#frontier-0 g[data-model="own/pkg:build"] .mark')
    )
    assert (of_unknown["trained on"], of_unknown["frontier"]) == ("not known", "★ on it")
    assert "hollow: also saw, or their teacher did, JFT-300M (unlabelled)" in trained.find_element(
        By.CLASS_NAME, "legend"
    ).text  # fmt: skip


def test_a_hollow_mark_has_the_colour_of_the_paper_inside(trained: webdriver.Chrome) -> None:
    mark = trained.find_element(By.CSS_SELECTOR, "#frontier-0 .mark.hollow")
    filled = trained.find_element(By.CSS_SELECTOR, '#frontier-0 g[data-model="b/beaten"] .mark')
    assert mark.value_of_css_property("fill") == "rgb(255, 255, 255)"
    assert mark.value_of_css_property("stroke") == filled.value_of_css_property("fill")
    assert filled.value_of_css_property("stroke") == "none"


def test_the_choice_redraws_the_frontier_everywhere(trained: webdriver.Chrome) -> None:
    alone, among_all = {"a/fast", "b/good", "own/pkg:build"}, {"a/fast", "b/good", "b/taught"}
    figure = trained.find_element(By.CSS_SELECTOR, "#frontier figure")
    line = trained.find_element(By.CSS_SELECTOR, "#frontier-0 .line").get_attribute("points")
    assert _models(trained, ".mark.strong") == _on_frontier(trained) == alone
    assert _labels(trained) == {"fast", "good", "build", "mine"}
    assert "among networks that learned from ImageNet-1k alone" in figure.text

    choose(trained, "training", "trained on any data")
    assert _models(trained, ".mark.strong") == _on_frontier(trained) == among_all
    assert _labels(trained) == {"fast", "good", "taught", "build", "mine"}
    assert trained.find_element(By.CSS_SELECTOR, "#frontier-0 .line").get_attribute("points") != line
    assert "among all networks, whatever they learned from" in figure.text
    assert _models(trained, ".mark.hollow") == {"b/taught"}
    trained.find_element(By.ID, "filter-frontier").click()
    assert {name.replace("\n", "") for name in column_texts(trained, "model")} == among_all

    trained.find_element(By.CSS_SELECTOR, "form button[type=reset]").click()
    count = trained.find_element(By.ID, "filter-count")
    WebDriverWait(trained, 5).until(lambda _: count.text == "7 of 7 rows shown")
    assert _on_frontier(trained) == alone
    assert trained.find_element(By.CSS_SELECTOR, "#frontier-0 .line").get_attribute("points") == line


def test_a_filter_by_training_data_hides_rows_and_keeps_the_frontier(trained: webdriver.Chrome) -> None:
    choose(trained, "trained-on", ONE_K)
    assert set(column_texts(trained, "trained on")) == {""}
    assert {"b/taught", "own/pkg:build"} <= _models(trained, ".mark") - _models_shown(trained)
    assert _on_frontier(trained) == {"a/fast", "b/good"}


def _models_shown(page: webdriver.Chrome) -> set[str]:
    found = page.find_elements(By.CSS_SELECTOR, "#frontier-0 g[data-model]:not(.out)")
    return {str(node.get_attribute("data-model")) for node in found}


def test_a_page_made_for_any_training_data_begins_with_that_choice(
    page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path
) -> None:
    path = tmp_path / "any.html"
    write_page(load_runs([make_run("any", ROWS)]), path, ANY)
    page.get(path.as_uri())
    _wait_for_picture(page)
    chosen = Select(page.find_element(By.ID, "filter-training")).first_selected_option
    assert chosen.text == "trained on any data"
    assert "b/taught" in _on_frontier(page)


def test_without_other_training_data_there_is_nothing_to_choose(
    page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path
) -> None:
    open_run(page, make_run("usual", ROWS[:3]), tmp_path / "usual.html")
    _wait_for_picture(page)
    assert page.find_elements(By.ID, "filter-training") == []
    assert page.find_elements(By.ID, "filter-trained-on") == []
    assert "hollow" not in page.find_element(By.CLASS_NAME, "legend").text
    assert "accuracy" not in page.find_element(By.CLASS_NAME, "legend").text


def test_networks_without_accuracy_are_ticks_on_the_axis_with_a_tooltip(trained: webdriver.Chrome) -> None:
    assert _models(trained, ".tick-mark") == {"c/silent", "onnx/mine"}
    assert "without an accuracy, at its latency" in trained.find_element(By.CLASS_NAME, "legend").text
    script = """
        const svg = document.getElementById("frontier-0");
        const axis = svg.querySelector(".axis").getBoundingClientRect();
        return [...svg.querySelectorAll(".tick-mark")].map((tick) => tick.getBoundingClientRect().bottom - axis.bottom);
    """
    assert all(abs(distance_px) < 1.5 for distance_px in trained.execute_script(script))
    facts = hover(trained, trained.find_element(By.CSS_SELECTOR, '#frontier-0 g[data-model="c/silent"] line'))
    assert facts[""] == "c/silent"
    assert facts["latency"] == "40.00 ms"
    assert facts["top-1"] == "neither stated nor measured"
    assert facts["frontier"] == "not ranked"


def test_the_arrow_keys_reach_the_ticks_too(trained: webdriver.Chrome) -> None:
    focus(trained, trained.find_element(By.ID, "frontier-0"))
    ActionChains(trained).send_keys(Keys.ARROW_RIGHT).perform()
    assert trained.find_element(By.CSS_SELECTOR, "#tooltip b").text == "onnx/mine"


def test_frontiers_of_rank_changes_follow_the_choice(page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run("one", ROWS), make_run("two", ROWS, environment_id="e2", device="another")]
    path = tmp_path / "two.html"
    write_page(load_runs(runs), path)
    page.get(path.as_uri())
    _wait_for_picture(page)
    lists = "#rank-comparison .lists"
    assert "taught" not in page.find_element(By.CSS_SELECTOR, lists).text
    choose(page, "training", "trained on any data")
    assert "taught" in page.find_element(By.CSS_SELECTOR, lists).text
