"""docs/python.md: its code runs as written, and it names everything public."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import converters
import harness
import zoo
from harness import api
from harness.timing.settings import TimingSettings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "python.md"


def blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_blocks_run_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    short = TimingSettings(warmup_s=0.0, warmup_min_runs=1, block_ms=2.0, settle_ms=0.0)
    monkeypatch.setattr(api, "TimingSettings", lambda: short)
    names: dict[str, Any] = {}
    for number, block in enumerate(blocks(), start=1):
        exec(compile(block, f"{PAGE.name}, block {number}", "exec"), names)
    said = capfd.readouterr()
    assert "nowhere" in said.out
    assert said.out.count("\n") == 1, "only the page itself prints"
    rows = names["rows"]
    assert list(rows["status"]) == ["ok"]
    assert set(names["table"]["verdict"]) <= {"regressed", "improved", "same", "inconclusive", "not measured"}
    assert (tmp_path / "results" / "report.html").is_file()


@pytest.mark.parametrize("package", [zoo, converters, harness], ids=lambda package: package.__name__)
def test_every_public_name_is_on_the_page(package: ModuleType) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [member for member in package.__all__ if f"{package.__name__}.{member}" not in text] == []


def test_every_name_on_the_page_is_public() -> None:
    used = set(re.findall(r"\b(zoo|converters|harness)\.(\w+)", PAGE.read_text(encoding="utf-8")))
    packages = {"zoo": zoo, "converters": converters, "harness": harness}
    assert {f"{name}.{member}" for name, member in used if member not in packages[name].__all__} == set()
