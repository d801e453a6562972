"""The report in headless Chromium."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reports.html.page import write_page
from reports.runs import load_runs

if TYPE_CHECKING:
    from selenium import webdriver

# Without Selenium, the extra `browser`, nothing is collected here: `-m browser` then ends with pytest's 5.
collect_ignore_glob = [] if importlib.util.find_spec("selenium") else ["test_*.py"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        pytest.fail("the browser tests need Debian's chromium and chromium-driver")
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
    from tests.reports.html.browser.driving import DESKTOP, open_page

    open_page(chromium, report, DESKTOP)
    yield chromium
    assert chromium.get_log("browser") == []
