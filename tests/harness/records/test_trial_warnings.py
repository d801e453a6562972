from __future__ import annotations

from typing import Any

import pytest

from harness.processes.trial import TrialResult
from harness.records.trial_warnings import trial_warnings


def trial(**figures: Any) -> TrialResult:
    return TrialResult("ok", **figures)


@pytest.mark.parametrize(
    ("weights", "activations", "told"),
    [
        (0.8, 31.2, "0.8 % of the weights and 31 % of the activations are subnormal"),
        (0.8, None, "0.8 % of the weights are subnormal"),
        (0.8, 0.001, "0.8 % of the weights are subnormal"),
        (0.0, 31.2, "31 % of the activations are subnormal"),
        (100.0, 100.0, "100 % of the weights and 100 % of the activations are subnormal"),
    ],
)
def test_subnormal_numbers(weights: float, activations: float | None, told: str) -> None:
    text = trial_warnings(
        [trial(subnormal_weights_percent=weights, subnormal_activations_percent=activations), trial()]
    )
    assert text.startswith(told)
    assert "session.set_denormal_as_zero" in text


@pytest.mark.parametrize("shares", [(None, None), (0.0, None), (0.009, 0.009)])
def test_few_subnormal_numbers_are_not_worth_a_word(shares: tuple[float | None, float | None]) -> None:
    weights, activations = shares
    assert trial_warnings([trial(subnormal_weights_percent=weights, subnormal_activations_percent=activations)]) == ""


def test_periods_of_all_trials_are_added() -> None:
    paused = trial(quota_periods_count=1000, quota_throttled_periods_count=12)
    text = trial_warnings([paused, trial(), paused])
    assert text.startswith("The quota of the control group was spent in 24 of the 2,000 periods")
    assert text.endswith("raise the quota (docker run --cpus), or use fewer --threads.")


def test_a_quota_that_suffices_is_not_worth_a_word() -> None:
    assert trial_warnings([trial(quota_periods_count=50, quota_throttled_periods_count=0)]) == ""
