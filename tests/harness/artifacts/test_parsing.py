"""What is known of an artifact after a library judged it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.artifacts.parsing import ParserVerdict


@pytest.mark.parametrize(
    ("status", "sha256", "parsed"),
    [("ok", "a", True), ("unsupported", "a", False), ("failed", "a", None), ("unsupported", "", None)],
)
def test_whether_the_parser_took_it(status: Any, sha256: str, parsed: bool | None) -> None:
    assert ParserVerdict("model", "fp32", sha256, status).parsed is parsed
