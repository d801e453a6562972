"""What a series and its trials come to in a row."""

from __future__ import annotations

import dataclasses

import pytest

from harness.processes.trial import TrialResult
from harness.records.rows import RunFacts, build_row
from harness.records.schema import COLUMN_NAMES
from harness.records.series import SeriesFacts
from harness.stats.trials import interval_over_trials

RUN = RunFacts(environment_id="e1", device="a processor", threads=2, seed=7)
FACTS = SeriesFacts(model="a/b", source="a", variant="b", backend="onnxruntime", precision="fp32", batch=4)
TRIAL = TrialResult(
    status="ok",
    latency_kind="host",
    latency_median_ms=10.0,
    latency_mean_ms=11.0,
    latency_p90_ms=12.0,
    latency_min_ms=9.0,
    reference_median_ms=5.0,
    ratio=2.0,
    ratio_spread_percent=1.0,
    samples_count=100,
    blocks_count=12,
    blocks_contaminated_count=1,
    load_s=0.1,
    first_inference_ms=50.0,
    memory_peak_mib=200.0,
    precision_effective="fp32",
    runtime="onnxruntime 1",
    started_at="2026-01-31T12:00:00+00:00",
)
TIMEOUT = TrialResult(status="timeout", reason="longer than\n 120 s", started_at="2026-01-31T13:00:00+00:00")


def _with(**values: float | str) -> TrialResult:
    return dataclasses.replace(TRIAL, **values)


def test_a_row_has_every_column_in_order() -> None:
    assert tuple(build_row(FACTS, [TRIAL], RUN)) == COLUMN_NAMES
    assert tuple(build_row(FACTS, [], RUN)) == COLUMN_NAMES


def test_figures_are_medians_over_trials() -> None:
    trials = [
        _with(latency_median_ms=10.0, ratio=2.0, load_s=0.1),
        _with(latency_median_ms=14.0, ratio=2.2, load_s=0.5),
        _with(latency_median_ms=11.0, ratio=2.1, load_s=0.2),
    ]
    row = build_row(FACTS, trials, RUN)
    assert (row["latency_median_ms"], row["ratio_to_reference"], row["load_s"]) == (11.0, 2.1, 0.2)
    assert row["trials_count"] == 3
    assert (row["latency_low_ms"], row["latency_high_ms"]) == interval_over_trials([10.0, 14.0, 11.0])
    assert (row["ratio_low"], row["ratio_high"]) == interval_over_trials([2.0, 2.2, 2.1])


def test_throughput_is_the_batch_over_the_median() -> None:
    assert build_row(FACTS, [TRIAL], RUN)["throughput_images_per_s"] == pytest.approx(400.0)


def test_extremes_are_of_all_trials_and_counts_are_sums() -> None:
    trials = [_with(latency_min_ms=9.0, memory_peak_mib=200.0), _with(latency_min_ms=8.0, memory_peak_mib=190.0)]
    row = build_row(FACTS, trials, RUN)
    assert (row["latency_min_ms"], row["memory_peak_mib"]) == (8.0, 200.0)
    assert (row["samples_count"], row["blocks_count"], row["blocks_contaminated_count"]) == (200, 24, 2)


def test_one_trial_has_no_interval() -> None:
    row = build_row(FACTS, [TRIAL], RUN)
    assert [row[name] for name in ("latency_low_ms", "latency_high_ms", "ratio_low", "ratio_high")] == [None] * 4


def test_the_p99_is_of_those_trials_that_have_one() -> None:
    assert build_row(FACTS, [TRIAL, TRIAL], RUN)["latency_p99_ms"] is None
    assert build_row(FACTS, [TRIAL, _with(latency_p99_ms=15.0)], RUN)["latency_p99_ms"] == 15.0


def test_a_series_with_ok_and_failed_trials_is_ok_and_says_what_failed() -> None:
    failed = TrialResult(status="failed", reason="signal 11")
    row = build_row(FACTS, [TIMEOUT, TRIAL, failed], RUN)
    assert (row["status"], row["trials_count"], row["trials_failed_count"]) == ("ok", 1, 2)
    assert row["reason"] == "1 timeout, 1 failed of 3 trials; the newest: signal 11"
    assert row["latency_median_ms"] == 10.0
    assert row["runtime"] == "onnxruntime 1"


def test_a_series_whose_trials_all_failed_has_the_newest_status_and_no_figures() -> None:
    row = build_row(FACTS, [TrialResult(status="failed", reason="first"), TIMEOUT], RUN)
    assert (row["status"], row["reason"]) == ("timeout", "longer than 120 s")
    assert (row["trials_count"], row["trials_failed_count"]) == (0, 2)
    assert row["latency_median_ms"] is None
    assert row["measured_at"] == "2026-01-31T13:00:00+00:00"


def test_a_series_that_failed_before_any_trial_keeps_its_reason() -> None:
    facts = dataclasses.replace(FACTS, status="unsupported", reason="opset 23:\n  no kernel")
    row = build_row(facts, [], RUN)
    assert (row["status"], row["reason"]) == ("unsupported", "opset 23: no kernel")


def test_a_series_without_a_trial_yet_is_skipped() -> None:
    row = build_row(FACTS, [], RUN)
    assert (row["status"], row["trials_count"]) == ("skipped", 0)
    assert "not measured yet" in row["reason"]


def test_a_row_knows_its_run() -> None:
    row = build_row(FACTS, [TRIAL], RUN)
    assert [row[name] for name in ("environment_id", "device", "threads", "run_seed")] == [
        "e1",
        "a processor",
        2,
        7,
    ]
