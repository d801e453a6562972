"""The table of a sweep, of which the commands' tests read the rest."""

from __future__ import annotations

import dataclasses

from harness.comparison.gate import GateResult, GateRules
from harness.comparison.pair import Pairing, Side
from harness.comparison.verdict import Verdict
from harness.sweep import report
from harness.sweep.outcome import Change, Sweep, SweptSeries

PAIRING = Pairing("ofa/a", 1, *[Side("a.onnx", "d", "fp32")] * 2)


def change(older: str, newer: str, verdict: Verdict, percent: float, disturbed: int = 0) -> Change:
    result = GateResult(
        PAIRING,
        verdict,
        change_percent=percent,
        low_percent=percent - 0.5,
        high_percent=percent + 0.5,
        log_ratios=(0.0,) * 6,
        disturbed_count=disturbed,
        base_median_ms=4.0,
        new_median_ms=4.0,
    )
    return Change(older, newer, result)


def swept(*changes: Change, whole: Change) -> Sweep:
    one = SweptSeries(PAIRING, {}, changes, whole)
    return Sweep("onnxruntime", ["1", "2", "3"], {}, {}, [one], {})


def test_a_series_that_recovers_says_so() -> None:
    found = swept(
        change("1", "2", "regressed", 10), change("2", "3", "improved", -10), whole=change("1", "3", "same", 0)
    )
    (one,) = found.series
    assert (one.slower_from, one.remark) == ("2", "no longer with 3")
    header, line, _, summary = report.text(found, GateRules()).splitlines()
    assert header.split() == ["series", "1", "2", "3", "1", "->", "3", "slower", "from", "remark"]
    cells = ["ofa/a (fp32)", "4 ms", "+10.0 % (+9.5 to +10.5) regressed", "-10.0 % (-10.5 to -9.5) improved"]
    assert "  ".join([*cells, "+0.0 % (-0.5 to +0.5) same"]) in line
    assert summary.startswith("3 comparisons; 1 of 1 series slower from a version on: 1 regressed, 1 improved, 1 same")


def test_a_remark_that_comparisons_share_is_one_line() -> None:
    found = swept(
        change("1", "2", "same", 0, disturbed=2),
        change("2", "3", "same", 0, disturbed=2),
        whole=change("1", "3", "same", 0, disturbed=1),
    )
    told = report.text(found, GateRules())
    assert "ofa/a (fp32), 1 -> 2 and 1 more: others disturbed 2 of 6 pairs\n" in told
    assert "ofa/a (fp32), 1 -> 3: others disturbed 1 of 6 pairs\n" in told
    assert [row.split(",")[14] for row in report.csv_text(found).splitlines()] == ["disturbed_pairs", "", "2", "2", "1"]


def test_the_ends_are_versions_that_are_installed() -> None:
    found = swept(change("1", "2", "same", 0), change("2", "3", "same", 0), whole=change("1", "3", "same", 0))
    (one,) = found.series
    missing = dataclasses.replace(one, missing={"4": "no wheel"})
    found = dataclasses.replace(found, versions=["1", "2", "3", "4"], failures={"4": "no wheel"}, series=[missing])
    header, line, *_ = report.text(found, GateRules()).splitlines()
    assert " 1 -> 3 " in header
    assert " from 1 to 3" not in line
    assert "\n4: no wheel\n3 comparisons of 1 series: 3 same" in report.text(found, GateRules())
