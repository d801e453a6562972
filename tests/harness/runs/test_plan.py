from __future__ import annotations

import dataclasses

import pytest

from harness.processes.trial import TrialResult
from harness.records.series import Series
from harness.records.sharing import measured_as
from harness.runs.plan import measurable, measured_once, round_order, settled, trials_of_round

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


TWIN = dataclasses.replace(SERIES[3], model="s/twin", artifact_path="twin.onnx")


def test_series_with_the_same_artifact_are_measured_once():
    wanted = [*SERIES, TWIN]
    planned = measured_once(wanted, measured_as(wanted, {}))
    assert planned == SERIES
    # Whoever shares nothing has its usual place in the order.
    assert round_order(planned, 7, 0) == round_order(SERIES, 7, 0)


def test_a_series_of_an_earlier_session_is_measured_by_the_file_of_the_present_one():
    gone = dataclasses.replace(SERIES[3], artifact_path="gone.onnx")
    shown = measured_as([TWIN, gone], {gone.key: [0]})
    assert measured_once([TWIN], shown) == [dataclasses.replace(gone, artifact_path="twin.onnx")]
    # If it is selected too, its file is the one to open, wherever it stands in the plan.
    assert measured_once([TWIN, SERIES[3]], shown) == [SERIES[3]]


def test_series_that_were_measured_each_by_itself_still_are():
    both = [SERIES[3], TWIN]
    assert measured_once(both, measured_as(both, {one.key: [0] for one in both})) == both


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
