"""The document: self-contained, and safe whatever texts the rows hold."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reports.html.page import page, script_safe_json, write_page
from reports.html.payload import payload
from reports.runs import load_runs


class Document(HTMLParser):
    """The texts of the elements that matter, as a browser would extract them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag
        if tag == "script":
            self.scripts.append("")
        elif tag == "style":
            self.styles.append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            self.scripts[-1] += data
        elif self._open == "style":
            self.styles[-1] += data


@pytest.fixture
def text(two_runs: list[Path], tmp_path: Path) -> str:
    path = tmp_path / "report.html"
    write_page(load_runs(two_runs), path)
    return path.read_text(encoding="utf-8")


def test_a_reason_cannot_break_out_of_its_script(text: str, two_runs: list[Path]) -> None:
    document = Document(text)
    data, _ = document.scripts
    assert json.loads(data) == json.loads(json.dumps(payload(load_runs(two_runs))))
    assert "</script><script>" in json.loads(data)["rows"]["values"][-2].__repr__()
    assert not re.search("[<>&]", data)


def test_nothing_is_loaded_from_anywhere(text: str) -> None:
    document = Document(text)
    assert {tag for tag, _ in document.elements} & {"img", "iframe", "object", "embed", "base"} == set()
    references = [
        value for _, attributes in document.elements for name, value in attributes.items() if name in ("src", "href")
    ]
    assert {value for value in references if value and not value.startswith(("#", "data:"))} == set()
    assert "url(" not in document.styles[0]
    assert "@import" not in document.styles[0]
    assert not re.search(r"\b(fetch|XMLHttpRequest|import)\s*\(", document.scripts[1])


def test_texts_are_never_set_as_markup(text: str) -> None:
    script = Document(text).scripts[1]
    for dangerous in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert dangerous not in script


def test_the_policy_allows_its_own_style_and_script_alone(text: str) -> None:
    document = Document(text)
    (policy,) = [a["content"] for _, a in document.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy
    digests = [
        base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()
        for t in (document.styles[0], document.scripts[1])
    ]
    assert (
        policy
        == f"default-src 'none'; img-src data:; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'"
    )


def test_the_same_rows_give_the_same_file(two_runs: list[Path], text: str, tmp_path: Path) -> None:
    write_page(load_runs(two_runs), tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == text


def test_slots_inside_the_data_stay_text(two_runs: list[Path]) -> None:
    facts = payload(load_runs(two_runs))
    assert "`{{data}}`" in page(facts, "{{style}}")
    assert "<title>{{style}}</title>" in page(facts, "{{style}}")
    assert "<title>a &lt;b&gt;</title>" in page(facts, "a <b>")


def test_json_is_the_same_after_its_escapes() -> None:
    value = {"a": "</script><!-- <![CDATA[ & \u2028 ü"}
    assert json.loads(script_safe_json(value)) == value
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_safe_json({"a": float("nan")})
