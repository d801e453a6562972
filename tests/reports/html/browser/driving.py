"""What a user does with the page, and what they see."""

from __future__ import annotations

from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from reports.html.page import write_page
from reports.runs import load_runs

PHONE, DESKTOP = (390, 844), (1280, 900)
"""Width and height of a window, in pixels."""


def open_page(chromium: webdriver.Chrome, path: Path, size: tuple[int, int]) -> None:
    """Opens a page of two runs in a window of this size, in pixels, and waits for its pictures."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    chromium.get(path.as_uri())
    # The pictures are drawn once the browser has reported their width.
    WebDriverWait(chromium, 10).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#frontier-1 .mark"))


def open_run(chromium: webdriver.Chrome, directory: Path, path: Path) -> None:
    """A page of one small run, which may have no picture."""
    write_page(load_runs([directory]), path)
    chromium.get(path.as_uri())
    WebDriverWait(chromium, 10).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#results tbody tr"))


def column_texts(page: webdriver.Chrome, label: str, table: str = "results") -> list[str]:
    """The texts of one column from top to bottom, as the browser shows them."""
    script = """
        const table = document.getElementById(arguments[0]);
        const buttons = [...table.querySelectorAll("thead button")];
        const at = buttons.findIndex((button) => button.firstChild.textContent === arguments[1]);
        return [...table.querySelectorAll("tbody tr")].map((tr) => tr.children[at].innerText.trim());
    """
    found: list[str] = page.execute_script(script, table, label)
    return found


def choose(page: webdriver.Chrome, label: str, value: str) -> None:
    Select(page.find_element(By.ID, f"filter-{label}")).select_by_visible_text(value)


def mark_of(page: webdriver.Chrome, model: str, chart: int = 0) -> WebElement:
    return page.find_element(By.CSS_SELECTOR, f'#frontier-{chart} g[data-model="{model}"] .mark')


def scroll_to(page: webdriver.Chrome, element: WebElement) -> None:
    """Scrolls, and waits until the page has noticed: scrolling hides the tooltip."""
    page.execute_async_script(
        """
        arguments[0].scrollIntoView({block: "center"});
        requestAnimationFrame(() => requestAnimationFrame(arguments[1]));
        """,
        element,
    )


def focus(page: webdriver.Chrome, element: WebElement) -> None:
    """Gives an element the keyboard, with no scrolling that could hide the tooltip afterwards."""
    scroll_to(page, element)
    page.execute_script("arguments[0].focus({preventScroll: true})", element)


def hover(page: webdriver.Chrome, mark: WebElement) -> dict[str, str]:
    """Moves to a mark; the tooltip's facts, and the name under an empty key."""
    scroll_to(page, mark)
    ActionChains(page).move_to_element(mark).perform()
    tooltip = page.find_element(By.ID, "tooltip")
    WebDriverWait(page, 5).until(lambda _: tooltip.is_displayed())
    terms, facts = (tooltip.find_elements(By.TAG_NAME, tag) for tag in ("dt", "dd"))
    name = tooltip.find_element(By.TAG_NAME, "b").text
    return {"": name, **{term.text: fact.text for term, fact in zip(terms, facts, strict=True)}}
