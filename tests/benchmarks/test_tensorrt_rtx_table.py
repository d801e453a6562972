"""The rows and the document of the table; the builds themselves are the library's."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from benchmarks import tensorrt_rtx_table as table
from harness.artifacts.parsing import ParserVerdict
from harness.backends.backend import BuildFacts, BuiltEngine
from harness.records.series import Series

FIXED = {"library": "tensorrt-rtx 1.7", "machine": "two cores"}
FACTS = BuildFacts(parse_s=0.5, network_layers=120, warnings=("one\nthing", "another"), memory_peak_mib=300.04)
ENGINE = BuiltEngine(Path("engine.plan"), "digest", 20.0, 2.25, cached=False, precision_effective="", facts=FACTS)


def series(model: str = "a/x", sha256: str = "0123456789abcdef" * 4, precision: str = "fp32") -> Series:
    source, _, variant = model.partition("/")
    known: dict[str, Any] = {"artifact_sha256": sha256, "artifact_mib": 16.0, "opset": 18, "exporter": "exporter 1"}
    return Series(model, source, variant, table.BACKEND, precision, 1, **known)


def verdict(one: Series, **changes: Any) -> ParserVerdict:
    found = ParserVerdict(one.model, one.precision, one.artifact_sha256, "ok", engine=ENGINE)
    return dataclasses.replace(found, **changes)


def row(one: Series, **changes: Any) -> dict[str, str]:
    made = table.row_of(one, verdict(one, **changes), FIXED, Path("/home/me/cache"))
    assert tuple(made) == table.COLUMNS
    return {name: str(value) for name, value in made.items()}


def test_a_row_has_the_figures_of_the_build() -> None:
    found = row(series())
    assert (found["parsed"], found["network_layers"], found["parse_s"], found["build_s"]) == (
        "yes", "120", "0.500", "2.250",
    )  # fmt: skip
    assert (found["engine_mib"], found["artifact_mib"], found["engine_over_artifact"]) == ("20.000", "16.000", "1.2500")
    assert (found["memory_peak_mib"], found["warnings"], found["same_as"]) == ("300.0", "one thing | another", "")
    assert (found["artifact_sha256"], found["library"]) == ("0123456789abcdef", "tensorrt-rtx 1.7")


@pytest.mark.parametrize(("status", "parsed"), [("unsupported", "no"), ("failed", ""), ("timeout", "")])
def test_a_refusal_has_its_reason_without_the_folders_of_this_machine(status: str, parsed: str) -> None:
    found = row(series(), status=status, reason="cannot read /home/me/cache/m.onnx:\n no Foo", engine=None)
    assert (found["status"], found["parsed"], found["reason"]) == (status, parsed, "cannot read CACHE/m.onnx: no Foo")
    assert found["network_layers"] == found["build_s"] == found["engine_mib"] == ""


def test_an_artifact_is_judged_once_and_its_row_copied() -> None:
    first, twin, other = series("a/x"), series("a/y"), series("a/z", "f" * 64)
    library = FIXED["library"]
    assert table.open_series([first, twin, other], [], library) == ([first, other], [])
    done = [row(first)]
    missing, copied = table.open_series([first, twin, other], done, library)
    assert missing == [other]
    assert copied == [{**done[0], "model": "a/y", "same_as": "a/x"}]
    assert table.open_series([first, twin], [*done, *copied], library) == ([], [])


def test_another_version_precision_or_artifact_is_judged_again() -> None:
    one, done = series(), [row(series())]
    half, changed = series(precision="fp16"), series(sha256="f" * 64)
    assert table.open_series([one, half, changed], done, FIXED["library"])[0] == [half, changed]
    assert table.open_series([one], done, "tensorrt-rtx 1.8") == ([one], [])


def test_a_conversion_that_failed_is_tried_again() -> None:
    failed = [series("a/x", ""), series("a/y", "")]
    done = [row(one, artifact_sha256="", status="failed", reason="no", engine=None) for one in failed]
    assert table.open_series(failed, done, FIXED["library"]) == (failed, [])


def test_the_document_counts_an_artifact_once_and_lists_every_model() -> None:
    first, other = row(series("a/x")), row(series("a/z", "f" * 64))
    other |= {"build_s": "7.0", "engine_mib": "64.0", "warnings": ""}
    twin = {**first, "model": "a/y", "same_as": "a/x"}
    half = row(series("a/x", precision="fp16"), status="unsupported", reason="no Foo", engine=None)
    text = table.document([half, first, twin, other], "rows.csv")
    assert "| models | 3 | 1 | 0 |" in text
    assert "| artifacts built | 2 of 2 | 0 of 1 | 0 of 0 |" in text
    assert "| building, total | 9 s |  |  |" in text
    assert "| slowest build | 7.5 s (a/z) |  |  |" in text
    assert "- a/x in fp16, unsupported: no Foo" in text
    assert "- 2 times, a/x in fp32, a/y in fp32: one thing" in text
    assert "| a/y (same as a/x) | 120 | 2.8 | 20.0 | 1.25 | 300 | " in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith(("| a/", "| model |", "|---|---:"))}
    assert widths == {17}
    assert "tensorrt-rtx 1.7" in text
    assert "[rows.csv](rows.csv)" in text


def test_without_refusals_and_warnings_it_says_so() -> None:
    quiet = {**row(series()), "warnings": ""}
    text = table.document([quiet], "rows.csv")
    assert "## Refused\n\nNothing." in text
    assert "## Warnings\n\nNone." in text
