from __future__ import annotations

import pytest

from harness.processes.trial import TrialResult
from harness.records.series import Series
from harness.runs.plan import measurable, round_order, settled, trials_of_round

SERIES = [Series(f"s/{i}", "s", str(i), "onnxruntime", "fp32", 1, artifact_sha256=f"{i:064}") for i in range(20)]


def ok(ratio):
    return TrialResult("ok", ratio=ratio)


def test_a_round_holds_every_series_once_in_an_order_of_its_own():
    first, second = round_order(SERIES, 7, 0), round_order(SERIES, 7, 1)
    assert sorted(s.model for s in first) == sorted(s.model for s in SERIES)
    assert first != second
    assert first not in (SERIES, SERIES[::-1])


def test_the_order_is_the_same_after_an_interruption_and_however_the_series_came():
    assert round_order(SERIES[::-1], 7, 3) == round_order(SERIES, 7, 3)
    assert round_order(SERIES, 8, 3) != round_order(SERIES, 7, 3)


def test_finished_trials_are_not_planned_again():
    done = {SERIES[3].key: {0, 1}, SERIES[4].key: {1}}
    planned = [trial.series for trial in trials_of_round(SERIES, done, 7, 0)]
    assert SERIES[3] not in planned
    assert SERIES[4] in planned
    assert len(planned) == 19


def test_what_did_not_convert_is_not_measured():
    failed = Series("s/x", "s", "x", "onnxruntime", "fp32", 1, status="failed", reason="why")
    assert measurable([*SERIES, failed]) == SERIES


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        ([], False),
        ([ok(1.0), ok(1.0)], False),
        ([ok(1.0), ok(1.0001), ok(0.9999)], True),
        ([ok(1.0), ok(1.2), ok(0.8)], False),
        ([TrialResult("timeout", "slow")], True),
        ([ok(1.0), TrialResult("failed", "why")], True),
        ([TrialResult("failed", "why"), ok(1.0)], False),
    ],
)
def test_a_series_is_settled_when_its_interval_is_narrow_or_it_fails(trials, expected):
    assert settled(trials, half_width_percent=0.5) is expected
