"""The page in headless Chromium: sorted, filtered, hovered, resized and printed, with nothing in its console."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.html.page import write_page
from reports.runs import load_runs

pytest.importorskip("selenium", reason="the browser tests need the extra `browser`")

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.interaction import POINTER_TOUCH
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

pytestmark = pytest.mark.browser

MakeRun = Callable[..., Path]

PHONE, DESKTOP = (390, 844), (1280, 900)
ROWS = 34 + 1 + 2 * 33 + 1
MODEL_COLUMN = 1


@pytest.fixture(scope="module")
def chromium() -> Iterator[webdriver.Chrome]:
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("needs Debian's chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        # Chromium's sandbox refuses root, whom containers run as.
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    yield chrome
    chrome.quit()


@pytest.fixture
def report(two_runs: list[Path], tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    write_page(load_runs(two_runs), path)
    return path


@pytest.fixture
def page(chromium: webdriver.Chrome, report: Path) -> Iterator[webdriver.Chrome]:
    """The report, open at desktop width; after the test its console must be empty."""
    _open(chromium, report, DESKTOP)
    yield chromium
    assert chromium.get_log("browser") == []


def _open(chromium: webdriver.Chrome, path: Path, size: tuple[int, int]) -> None:
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    chromium.get(path.as_uri())
    # The pictures are drawn once the browser has told their width.
    WebDriverWait(chromium, 10).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#frontier-1 .mark"))


def _open_run(chromium: webdriver.Chrome, directory: Path, path: Path) -> None:
    """A page of one small run, which may have no picture."""
    write_page(load_runs([directory]), path)
    chromium.get(path.as_uri())
    WebDriverWait(chromium, 10).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#results tbody tr"))


def _column(page: webdriver.Chrome, label: str, table: str = "results") -> list[str]:
    """The texts of one column from top to bottom, as the browser shows them."""
    script = """
        const table = document.getElementById(arguments[0]);
        const buttons = [...table.querySelectorAll("thead button")];
        const at = buttons.findIndex((button) => button.firstChild.textContent === arguments[1]);
        return [...table.querySelectorAll("tbody tr")].map((tr) => tr.children[at].innerText.trim());
    """
    found: list[str] = page.execute_script(script, table, label)
    return found


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
        environments, latencies = _column(page, "env."), _column(page, "latency")
        assert len(latencies) == ROWS
        # Environments are never mixed, rows without a figure stand last.
        assert environments == ["A"] * 34 + ["B"] * 66 + ["A", "B"]
        assert latencies[100:] == ["", ""]
        for part in (latencies[:34], latencies[34:100]):
            assert [float(text) for text in part] == sorted(map(float, part), reverse=reverse)
        if expected == "ascending":
            assert _sort(page, "latency") == "descending"


def test_names_sort_as_a_reader_counts_and_by_the_keyboard(page: webdriver.Chrome) -> None:
    _header(page, "model").send_keys(Keys.ENTER)
    names = _column(page, "model")[:34]
    assert names == sorted(names)
    _header(page, "model").send_keys(Keys.SPACE)
    assert _column(page, "model")[:34] == sorted(names, reverse=True)


def test_accuracy_sorts_from_the_best(page: webdriver.Chrome) -> None:
    assert _sort(page, "top-1") == "descending"
    accuracies = [float(text.split()[0]) for text in _column(page, "top-1")[:34]]
    assert accuracies == sorted(accuracies, reverse=True)


def _choose(page: webdriver.Chrome, label: str, value: str) -> None:
    Select(page.find_element(By.ID, f"filter-{label}")).select_by_visible_text(value)


def test_filters_leave_the_rows_asked_for(page: webdriver.Chrome) -> None:
    count = page.find_element(By.ID, "filter-count")
    assert count.text == f"{ROWS} of {ROWS} rows shown"
    page.find_element(By.ID, "filter-text").send_keys("NET-1 beta")
    assert {name.split("/")[1][:5] for name in _column(page, "model")} == {"net-1"}
    assert {name.split("/")[0] for name in _column(page, "model")} == {"beta"}
    _choose(page, "precision", "fp16")
    assert set(_column(page, "precision")) == {"fp16"}
    assert count.text == f"{len(_column(page, 'model'))} of {ROWS} rows shown"
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
    _choose(page, label, value)
    texts = _column(page, column)
    assert len(texts) == left
    assert all(text.startswith(value.split(":")[0]) for text in texts)


def test_the_frontier_alone_and_a_filter_that_leaves_nothing(page: webdriver.Chrome) -> None:
    page.find_element(By.ID, "filter-frontier").click()
    ranks = _column(page, "#")
    assert ranks
    assert all(rank.startswith("★") for rank in ranks)
    page.find_element(By.ID, "filter-text").send_keys("no such network")
    assert page.find_element(By.CSS_SELECTOR, "#results tbody").text == "No row matches."


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
    _open_run(page, make_run("small", [{"model": "onnx/mine", **row}]), tmp_path / "small.html")
    assert page.find_element(By.ID, "filter-count").text == "1 of 1 row shown"
    assert len(_column(page, "model")) == 1
    assert says in page.find_element(By.ID, "main").text


def test_a_table_of_failures_says_that_they_are(page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path) -> None:
    rows = [{"model": f"a/{name}", "status": "out_of_memory", "latency_kind": ""} for name in "xy"]
    _open_run(page, make_run("failures", rows), tmp_path / "failures.html")
    assert _column(page, "status") == ["out of memory"] * 2


def test_two_artifacts_of_one_model_are_told_apart(page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path) -> None:
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
    _open_run(page, make_run("artifacts", rows), tmp_path / "artifacts.html")
    assert sorted(_column(page, "weights")) == ["probe", "released"]
    assert sorted(_column(page, "exporter")) == ["tf2onnx 1.0", "tf2onnx 1.1"]


def test_ones_own_network_is_named_though_others_dominate_it(
    page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path
) -> None:
    own = {"model": "own/a.long.package:build", "accuracy_measured_top1_percent": 70.0, "latency_median_ms": 9.0}
    better = {"model": "a/good", "accuracy_published_top1_percent": 80.0, "latency_median_ms": 5.0}
    _open_run(page, make_run("own", [own, better]), tmp_path / "own.html")
    WebDriverWait(page, 10).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#frontier-0 .label"))
    labels = page.find_elements(By.CSS_SELECTOR, "#frontier-0 .label")
    assert {label.text for label in labels} == {"build", "good"}


def test_pictures_as_large_as_the_whole_zoo_are_drawn(
    page: webdriver.Chrome, make_run: MakeRun, tmp_path: Path
) -> None:
    def row(index: int, precision: str) -> dict[str, Any]:
        accuracy = {"accuracy_published_top1_percent": 60 + index / 10}
        return {"model": f"a/net-{index}", "precision": precision, "latency_median_ms": 1.0 + index % 97, **accuracy}

    rows = [row(index, precision) for index in range(300) for precision in ("fp32", "fp16")]
    _open_run(page, make_run("large", rows), tmp_path / "large.html")
    WebDriverWait(page, 10).until(lambda d: len(d.find_elements(By.CSS_SELECTOR, "#frontier-0 .mark")) == 600)


def test_a_source_pressed_in_the_legend_is_shown_alone(page: webdriver.Chrome) -> None:
    button = page.find_element(By.CSS_SELECTOR, "button[data-source=beta]")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    faded = page.find_elements(By.CSS_SELECTOR, "#frontier-0 g.out")
    assert {str(node.get_attribute("data-model")).split("/")[0] for node in faded} == {"alpha", "gamma"}
    button.click()
    assert page.find_elements(By.CSS_SELECTOR, "#frontier-0 g.out") == []


def _mark(page: webdriver.Chrome, model: str, chart: int = 0) -> WebElement:
    return page.find_element(By.CSS_SELECTOR, f'#frontier-{chart} g[data-model="{model}"] .mark')


def _scroll_to(page: webdriver.Chrome, element: WebElement) -> None:
    """Scrolls, and waits until the page has been told: scrolling hides the tooltip."""
    page.execute_async_script(
        """
        arguments[0].scrollIntoView({block: "center"});
        requestAnimationFrame(() => requestAnimationFrame(arguments[1]));
        """,
        element,
    )


def _hover(page: webdriver.Chrome, mark: WebElement) -> dict[str, str]:
    """Moves to a mark; the tooltip's facts, and the name under an empty key."""
    _scroll_to(page, mark)
    ActionChains(page).move_to_element(mark).perform()
    tooltip = page.find_element(By.ID, "tooltip")
    WebDriverWait(page, 5).until(lambda _: tooltip.is_displayed())
    terms, facts = (tooltip.find_elements(By.TAG_NAME, tag) for tag in ("dt", "dd"))
    name = tooltip.find_element(By.TAG_NAME, "b").text
    return {"": name, **{term.text: fact.text for term, fact in zip(terms, facts, strict=True)}}


def test_hovering_a_point_tells_its_facts_and_rings_it_elsewhere(page: webdriver.Chrome) -> None:
    facts = _hover(page, _mark(page, "beta/net-13"))
    latency_ms = 1.5 * 1.13**13
    assert facts[""] == "beta/net-13"
    assert facts["environment"] == "A: a processor"
    assert facts["latency"] == f"{latency_ms:.3f} ms"
    assert facts["95 % interval"] == f"{latency_ms * 0.98:.3f} to {latency_ms * 1.02:.3f} ms"
    assert facts["top-1"] == "71.50 %, published"
    assert facts["runtime"] == "onnxruntime 1.30.0, CPUExecutionProvider"
    # The same network in the other environment, in two precisions.
    assert len(page.find_elements(By.CSS_SELECTOR, "#frontier-1 .ring")) == 2
    ActionChains(page).move_to_element(page.find_element(By.ID, "summary")).perform()
    assert not page.find_element(By.ID, "tooltip").is_displayed()


def test_arrow_keys_go_through_the_points_and_enter_shows_every_column(page: webdriver.Chrome) -> None:
    chart = page.find_element(By.ID, "frontier-0")
    page.execute_script("arguments[0].focus()", chart)
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
    _open(page, report, PHONE)
    mark = _mark(page, "gamma/net-32")
    _scroll_to(page, mark)
    tooltip, dialog = page.find_element(By.ID, "tooltip"), page.find_element(By.ID, "facts")
    _tap(page, mark)
    WebDriverWait(page, 5).until(lambda _: tooltip.is_displayed())
    assert tooltip.find_element(By.TAG_NAME, "b").text == "gamma/net-32"
    assert not dialog.is_displayed()
    _tap(page, mark)
    WebDriverWait(page, 5).until(lambda _: dialog.is_displayed())
    assert dialog.find_element(By.TAG_NAME, "h2").text == "gamma/net-32"
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_a_name_in_the_table_opens_the_facts_of_its_row(page: webdriver.Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, "#results tbody button").click()
    dialog = page.find_element(By.ID, "facts")
    assert dialog.find_element(By.TAG_NAME, "h2").text == _column(page, "model")[0]
    dialog.find_element(By.TAG_NAME, "button").click()
    assert not dialog.is_displayed()


def test_a_reason_with_markup_is_shown_as_text(page: webdriver.Chrome) -> None:
    assert page.title == "Latency against accuracy: a processor, a GPU"
    (reason, other) = _column(page, "reason", "failures")
    assert reason.startswith("out of memory </script><script>document.title='owned'</script><b>8 GiB</b>")
    assert other == "no such layer"


def test_rank_changes_follow_the_pair_that_is_chosen(page: webdriver.Chrome) -> None:
    section = page.find_element(By.ID, "rank-comparison")
    before = section.text
    assert "τ\n0." in before
    Select(page.find_element(By.ID, "rank-pair")).select_by_index(1)
    assert "B: a GPU, tensorrt fp16, batch 1" in section.text
    assert section.text != before


def test_measured_accuracy_stands_beside_the_published_one(page: webdriver.Chrome) -> None:
    assert len(_column(page, "difference", "accuracy")) == 7
    assert set(_column(page, "difference", "accuracy")) == {"\N{MINUS SIGN}0.10"}
    assert set(_column(page, "published figure", "accuracy")) == {"inside"}


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
    _open_run(page, make_run("small", rows), tmp_path / "small.html")
    assert _column(page, "published figure", "accuracy") == ["outside", ""]
    assert _column(page, "difference", "accuracy") == ["\N{MINUS SIGN}2.50", ""]
    assert _column(page, "top-5", "accuracy") == ["92.50", "92.50"]
    assert _column(page, "unreadable", "accuracy") == ["1", "1"]
    assert _column(page, "reason", "accuracy-reasons") == ["knows <nothing>"]
    assert _column(page, "models", "accuracy-reasons") == ["a/y, a/z"]


def _overflow_px(page: webdriver.Chrome) -> float:
    script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    pixels: float = page.execute_script(script)
    return pixels


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_the_page_never_scrolls_sideways(page: webdriver.Chrome, report: Path, size: tuple[int, int]) -> None:
    _open(page, report, size)
    page.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.execute_script("return window.innerWidth") == size[0]
    assert _overflow_px(page) == 0
    _hover(page, _mark(page, "beta/net-13"))
    assert _overflow_px(page) == 0
    box: dict[str, Any] = page.execute_script(
        "return document.getElementById('tooltip').getBoundingClientRect().toJSON()"
    )
    assert box["left"] >= 0
    assert box["right"] <= size[0]


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


def test_it_prints_all_rows_on_white_without_its_controls(page: webdriver.Chrome) -> None:
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not page.find_element(By.CSS_SELECTOR, "form.filter").is_displayed()
        script = "const s = document.querySelector('#table .scroll'); return [s.scrollHeight, s.clientHeight]"
        whole, shown = page.execute_script(script)
        assert whole == shown
        printed = page.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69})
        assert base64.b64decode(printed["data"]).startswith(b"%PDF")
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_dark_mode_changes_the_paper(page: webdriver.Chrome) -> None:
    papers = {}
    for scheme in ("light", "dark"):
        page.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        papers[scheme] = page.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert papers["light"].startswith("rgba(255, 255, 255")
    assert papers["dark"].startswith("rgba(20, 23, 27")
