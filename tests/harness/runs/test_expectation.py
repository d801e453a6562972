"""What a run says beforehand: its length by the timing loop itself, on a clock of its own."""

from __future__ import annotations

import dataclasses

import pytest

from harness.artifacts.reference import REFERENCE_MACS, reference_file
from harness.processes.trial import TrialResult
from harness.records.series import Series
from harness.runs.expectation import Speed, expectation, running_s, speed_of
from harness.runs.request import RunRequest
from harness.timing.settings import TimingSettings
from tests.harness.timing.test_loop import bench

TIMING = TimingSettings()


@pytest.mark.parametrize(("measured_ms", "reference_ms"), [(0.5, 4.0), (4.0, 4.0), (90.0, 25.0), (1500.0, 4.0)])
def test_the_two_networks_run_as_long_as_the_loop_runs_them(measured_ms: float, reference_ms: float) -> None:
    one = bench(measured_ms=measured_ms, reference_ms=reference_ms)
    one.measure(TIMING)
    # The loop begins behind the inference with which each session is started.
    ran_s = one.clock.now_ns / 1e9 + (measured_ms + reference_ms) / 1e3
    assert running_s(measured_ms, TIMING) + running_s(reference_ms, TIMING) == pytest.approx(ran_s, rel=0.05)


def test_the_multiply_adds_of_the_reference_network_are_those_of_its_file(tmp_path) -> None:
    import onnx

    from converters.multiply_adds import multiply_adds

    assert multiply_adds(onnx.load(reference_file(tmp_path)), 1) == (REFERENCE_MACS, [])


def _series(macs: int | None, backend: str = "onnxruntime", batch: int = 1) -> Series:
    return Series(model="a/x", source="a", variant="x", backend=backend, precision="fp32", batch=batch, macs=macs)


def test_a_latency_is_by_multiply_adds_and_images() -> None:
    speed = Speed(reference_ms=5.0, start_s=1.0)
    assert speed.latency_ms(2 * REFERENCE_MACS, batch=3) == 30.0
    assert speed.latency_ms(None, batch=1) == 5.0
    assert speed.trial_s(_series(None), TIMING) == 1.0 + 2 * running_s(5.0, TIMING)


def test_a_trial_tells_the_speed() -> None:
    result = TrialResult("ok", latency_median_ms=20.0, reference_median_ms=5.0)
    speed = speed_of(result, 1.5 + running_s(20.0, TIMING) + running_s(5.0, TIMING), TIMING)
    assert speed is not None
    assert (speed.reference_ms, speed.start_s) == (5.0, pytest.approx(1.5))
    assert speed_of(TrialResult("failed", "reason"), 9.0, TIMING) is None


SPEEDS = {"onnxruntime": Speed(reference_ms=5.0, start_s=10 - 2 * running_s(5.0, TIMING))}
"""Each trial of a network like the reference takes 10 s."""


def _said(pending: list[int], budget_s: float, backend: str = "onnxruntime") -> str:
    rounds = [[_series(None, backend)] * count for count in pending]
    return expectation(rounds, {**SPEEDS}, dataclasses.replace(RunRequest(), budget_s=budget_s))


def test_a_run_within_its_budget_says_how_long_it_takes() -> None:
    assert _said([12, 12, 12], 600) == (
        "expected: 12 trials in about 2:00 a round; 3 rounds (intervals of about +-3.7 %) in about 6:00"
    )


def test_a_run_beyond_its_budget_says_which_would_do() -> None:
    assert _said([24, 24, 24], 600) == (
        "expected: 24 trials in about 4:00 a round; 2 rounds (intervals of about +-13 %) within the budget of 10:00, "
        "or 3 rounds (intervals of about +-3.7 %) with --budget 13m"
    )


def test_the_first_round_is_finished_whatever_the_budget() -> None:
    assert "1 round (no intervals) within the budget of 0:10, or 2 rounds" in _said([12, 12], 10)


def test_a_resumed_run_counts_what_is_left() -> None:
    assert _said([0, 6, 12], 600) == (
        "expected: 6 trials in about 1:00 a round; 3 rounds (intervals of about +-3.7 %) in about 3:00"
    )


def test_a_backend_whose_speed_is_unknown_counts_as_the_others() -> None:
    mixed = [[_series(None), _series(None, "openvino")]]
    assert "2 trials in about 0:20 a round" in expectation(mixed, SPEEDS, RunRequest())
