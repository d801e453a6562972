"""The pictures: drawn, hovered, tapped and traversed by keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.interaction import POINTER_TOUCH
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.reports.html.browser.driving import PHONE, focus, hover, mark_of, open_page, open_run, scroll_to

pytestmark = pytest.mark.browser

MakeRun = Callable[..., Path]


def test_a_user_network_is_named_though_others_dominate_it(
    page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path
) -> None:
    own = {"model": "own/a.long.package:build", "accuracy_measured_top1_percent": 70.0, "latency_median_ms": 9.0}
    better = {"model": "a/good", "accuracy_published_top1_percent": 80.0, "latency_median_ms": 5.0}
    open_run(page, make_run("own", [own, better]), tmp_path / "own.html")
    WebDriverWait(page, 10).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#frontier-0 .label"))
    labels = page.find_elements(By.CSS_SELECTOR, "#frontier-0 .label")
    assert {label.text for label in labels} == {"build", "good"}


def test_a_model_that_shares_trials_has_a_point_of_its_own_and_says_so(
    page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path
) -> None:
    first = {"model": "a/first", "accuracy_published_top1_percent": 80.0, "latency_median_ms": 5.0}
    twin = {**first, "model": "a/twin", "accuracy_published_top1_percent": 70.0, "measured_as": "a/first"}
    open_run(page, make_run("shared", [first, twin]), tmp_path / "shared.html")
    WebDriverWait(page, 10).until(lambda d: len(d.find_elements(By.CSS_SELECTOR, "#frontier-0 .mark")) == 2)
    assert hover(page, mark_of(page, "a/twin"))["measured as"] == "a/first"
    assert "measured as" not in hover(page, mark_of(page, "a/first"))
    cells = page.find_elements(By.CSS_SELECTOR, "#results tbody td")
    assert [cell.text for cell in cells if cell.text.startswith("3")] == ["3", "3 ≡"]


def test_pictures_as_large_as_the_whole_zoo_are_drawn(
    page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path
) -> None:
    def row(index: int, precision: str) -> dict[str, Any]:
        accuracy = {"accuracy_published_top1_percent": 60 + index / 10}
        return {
            "model": f"a/net-{index}-{precision}",
            "precision": precision,
            "latency_median_ms": 1.0 + index % 97,
            **accuracy,
        }

    rows = [row(index, precision) for index in range(300) for precision in ("fp32", "fp16")]
    open_run(page, make_run("large", rows), tmp_path / "large.html")
    WebDriverWait(page, 10).until(lambda d: len(d.find_elements(By.CSS_SELECTOR, "#frontier-0 .mark")) == 600)


def test_a_source_pressed_in_the_legend_is_the_only_one_shown(page: webdriver.Chrome) -> None:
    button = page.find_element(By.CSS_SELECTOR, "button[data-source=beta]")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    faded = page.find_elements(By.CSS_SELECTOR, "#frontier-0 g.out")
    assert {str(node.get_attribute("data-model")).split("/")[0] for node in faded} == {"alpha", "gamma"}
    button.click()
    assert page.find_elements(By.CSS_SELECTOR, "#frontier-0 g.out") == []


def test_hovering_a_point_shows_its_facts_and_rings_it_elsewhere(page: webdriver.Chrome) -> None:
    facts = hover(page, mark_of(page, "beta/net-13"))
    latency_ms = 1.5 * 1.13**13
    assert facts[""] == "beta/net-13"
    assert facts["environment"] == "A: a processor"
    assert facts["latency"] == f"{latency_ms:.3f} ms"
    assert facts["95 % interval"] == f"{latency_ms * 0.98:.3f} to {latency_ms * 1.02:.3f} ms"
    assert facts["top-1"] == "71.50 %, published"
    assert facts["runtime"] == "onnxruntime 1.30.0, CPUExecutionProvider"
    # The same network in the other environment, in two precisions.
    assert len(page.find_elements(By.CSS_SELECTOR, "#frontier-1 .ring")) == 1
    assert len(page.find_elements(By.CSS_SELECTOR, "#frontier-2 .ring")) == 1
    ActionChains(page).move_to_element(page.find_element(By.ID, "summary")).perform()
    assert not page.find_element(By.ID, "tooltip").is_displayed()


def test_arrow_keys_move_through_the_points_and_enter_shows_every_column(page: webdriver.Chrome) -> None:
    chart = page.find_element(By.ID, "frontier-0")
    focus(page, chart)
    keys = ActionChains(page).send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    keys.perform()
    assert page.find_element(By.CSS_SELECTOR, "#tooltip b").text == "alpha/net-00"
    ActionChains(page).send_keys(Keys.ENTER).perform()
    dialog = page.find_element(By.ID, "facts")
    assert dialog.is_displayed()
    assert "latency_median_ms\n1.5 ms" in dialog.text
    ActionChains(page).send_keys(Keys.ESCAPE).perform()
    assert not dialog.is_displayed()


def _tap(page: webdriver.Chrome, element: WebElement) -> None:
    finger = ActionBuilder(page, mouse=PointerInput(POINTER_TOUCH, "finger"))
    finger.pointer_action.move_to(element).click()
    finger.perform()


def test_pictures_side_by_side_share_their_accuracy_axis(page: webdriver.Chrome) -> None:
    script = """
        return [0, 1].map((i) => [...document.querySelectorAll(`#frontier-${i} .tick[text-anchor=end]`)]
            .map((tick) => [tick.textContent, tick.getAttribute("y")]));
    """
    first, second = page.execute_script(script)
    assert len(first) >= 4
    assert first == second


def test_a_finger_sees_the_tooltip_first_and_then_every_column(page: webdriver.Chrome, report: Path) -> None:
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    open_page(page, report, PHONE)
    mark = mark_of(page, "gamma/net-32")
    scroll_to(page, mark)
    tooltip, dialog = page.find_element(By.ID, "tooltip"), page.find_element(By.ID, "facts")
    _tap(page, mark)
    WebDriverWait(page, 5).until(lambda _: tooltip.is_displayed())
    assert tooltip.find_element(By.TAG_NAME, "b").text == "gamma/net-32"
    assert not dialog.is_displayed()
    _tap(page, mark)
    WebDriverWait(page, 5).until(lambda _: dialog.is_displayed())
    assert dialog.find_element(By.TAG_NAME, "h2").text == "gamma/net-32"
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_labels_of_the_frontier_cover_neither_each_other_nor_leave_the_picture(page: webdriver.Chrome) -> None:
    script = """
        const svg = document.getElementById("frontier-0");
        const box = (node) => { const b = node.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; };
        return [box(svg), [...svg.querySelectorAll(".label")].map(box)];
    """
    frame, labels = page.execute_script(script)
    assert len(labels) >= 3
    for position, (left, top, right, bottom) in enumerate(labels):
        assert frame[0] <= left
        assert right <= frame[2]
        for a, b, c, d in labels[position + 1 :]:
            # A text's box has room above and below its letters.
            assert right <= a or c <= left or bottom - 3 <= b or d - 3 <= top
