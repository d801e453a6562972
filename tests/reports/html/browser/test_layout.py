"""The page on a phone, on paper and in the dark."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.reports.html.browser.driving import DESKTOP, PHONE, hover, mark_of, open_page

pytestmark = pytest.mark.browser

MakeRun = Callable[..., Path]


def _overflow_px(page: webdriver.Chrome) -> float:
    script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    pixels: float = page.execute_script(script)
    return pixels


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_the_page_never_scrolls_sideways(page: webdriver.Chrome, report: Path, size: tuple[int, int]) -> None:
    open_page(page, report, size)
    page.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.execute_script("return window.innerWidth") == size[0]
    assert _overflow_px(page) == 0
    hover(page, mark_of(page, "beta/net-13"))
    assert _overflow_px(page) == 0
    box: dict[str, Any] = page.execute_script(
        "return document.getElementById('tooltip').getBoundingClientRect().toJSON()"
    )
    assert box["left"] >= 0
    assert box["right"] <= size[0]


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
