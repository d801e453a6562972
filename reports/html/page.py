"""The page: template, style, script and data in one file that needs no other."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from harness.files.storage import replace_text
from reports.html.payload import payload
from reports.runs import Runs
from reports.training import ALONE, Training

_STYLES = ("page.css", "chart.css")
_SCRIPTS = ("dom.js", "data.js", "training.js", "scales.js", "facts.js", "marks.js", "scatter.js", "table.js",
            "filter.js", "frontier.js", "legend.js", "results.js", "ranks.js", "sections.js", "published.js",
            "main.js")  # fmt: skip
_SLOT = re.compile(r"\{\{(\w+)\}\}")


def write_page(runs: Runs, path: Path, training: Training = ALONE) -> None:
    """Writes the page of one or more runs; `training` is what its frontiers are among at first.

    Raises:
        StorageError: the file cannot be written.
    """
    devices = dict.fromkeys(run.info.device for run in runs.members)
    replace_text(path, page(payload(runs, training), f"Latency against accuracy: {', '.join(devices)}"))


def page(facts: dict[str, Any], title: str) -> str:
    """The HTML document.

    Its content security policy names the digests of its own style and script, so that nothing else, from
    the data or from outside, is ever run or loaded.

    Args:
        facts: the result of `reports.html.payload.payload`.
        title: title of the document, as plain text.
    """
    style = "".join(_asset(name) for name in _STYLES)
    script = f'"use strict";\n(() => {{\n{"".join(_asset(name) for name in _SCRIPTS)}}})();\n'
    filled = {
        "title": html.escape(title),
        "style": style,
        "script": script,
        "data": script_safe_json(facts),
        "policy": f"default-src 'none'; img-src data:; style-src {_source(style)}; script-src {_source(script)}",
    }
    # One pass: a slot's name inside a value stays text.
    return _SLOT.sub(lambda slot: filled[slot[1]], _asset("page.html"))


def script_safe_json(value: Any) -> str:
    """JSON that cannot end the script element that contains it, whatever texts it holds."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _asset(name: str) -> str:
    return resources.files("reports.html").joinpath("assets", name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """A source expression of CSP level 2: the digest of an inline element's content."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
