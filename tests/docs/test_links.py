"""Every relative link in the documents leads to a file and, behind `#`, to a heading of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchor_of(heading: str) -> str:
    """The anchor that a heading gets where the pages are shown: lower case, hyphens for spaces, no other signs."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.lstrip("#").strip())
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return {anchor_of(line) for line in text.splitlines() if line.startswith("#")}


def broken_links(page: Path, text: str) -> list[str]:
    broken = []
    for target in LINK.findall(text):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("link", "broken"),
    [
        ("[a](docs/measuring.md)", False),
        ("[a](docs/measuring.md#a-trial)", False),
        ("[a](docs/measuring.md#no-such-heading)", True),
        ("[a](docs/no_such_page.md)", True),
        ("[a](#how-to-read-a-row)", False),
        ("[a](https://example.org/x#y)", False),
    ],
)
def test_what_counts_as_broken(link: str, broken: bool) -> None:
    assert bool(broken_links(ROOT / "README.md", link)) is broken
