from __future__ import annotations

import numpy as np
import pytest

from harness.stats.unpaired import change, samples_of, smallest_detectable_percent, typical_sd


def drawn(rng: np.random.Generator, trials: int, sd: float = 0.015, slower: float = 0.0) -> np.ndarray:
    return np.exp(rng.normal(slower, sd, trials))


def test_a_side_of_one_trial_cannot_be_compared() -> None:
    assert samples_of([1.0], [1.0, 1.0, 1.0]) is None
    assert samples_of([1.0, 1.0], [1.0, 1.0]) is not None


def test_the_change_is_that_of_the_geometric_means() -> None:
    samples = samples_of([1.0, 4.0], [2.0, 8.0])
    assert samples is not None
    assert change(samples, 0.0, 0.0).percent == pytest.approx(100.0)


def test_the_interval_is_students() -> None:
    """Three trials a side, pooled standard deviation 0.01: 2.7764 x 0.01 x sqrt(2 / 3) = 0.02267."""
    logs = np.array([-0.01, 0.0, 0.01])
    samples = samples_of(np.exp(logs), np.exp(logs + 0.05))
    assert samples is not None
    found = change(samples, 0.0, 0.5)
    assert np.log1p(found.low_percent / 100) == pytest.approx(0.05 - 0.02267, abs=1e-5)
    assert np.log1p(found.high_percent / 100) == pytest.approx(0.05 + 0.02267, abs=1e-5)


def test_a_spread_that_is_small_by_luck_is_not_believed() -> None:
    samples = samples_of([1.0, 1.0001], [1.03, 1.0301])
    assert samples is not None
    assert change(samples, 0.0, 0.5).p_slower < 0.001
    assert change(samples, 0.015, 0.5).p_slower > 0.05


def test_equal_trials_without_any_spread_are_certain() -> None:
    samples = samples_of([1.0, 1.0], [1.1, 1.1])
    assert samples is not None
    found = change(samples, 0.0, 0.5)
    assert (found.p_slower, found.p_faster) == (0.0, 1.0)


def test_the_typical_spread_is_the_median_over_series() -> None:
    some = [samples_of(np.exp([-sd, sd]), np.exp([-sd, sd])) for sd in (0.01, 0.02, 0.5)]
    assert typical_sd([one for one in some if one]) == pytest.approx(0.02 * np.sqrt(2))
    assert typical_sd([]) == 0.0


@pytest.mark.parametrize("trials", [3, 5, 10])
def test_false_alarms_are_as_rare_as_stated(trials: int) -> None:
    """2000 comparisons of equals at 5 % and no margin; the floor of the spread makes it rarer."""
    rng = np.random.default_rng(trials)
    alarms = 0
    for _ in range(100):
        family = [samples_of(drawn(rng, trials), drawn(rng, trials)) for _ in range(20)]
        known = [one for one in family if one]
        typical = typical_sd(known)
        alarms += sum(change(one, typical, 0.0).p_slower <= 0.05 for one in known)
    assert 20 <= alarms <= 139


def test_the_smallest_detectable_change_is_detected_nine_times_in_ten() -> None:
    rng = np.random.default_rng(0)
    some = samples_of(drawn(rng, 6), drawn(rng, 6))
    assert some is not None
    typical = 0.015
    smallest = smallest_detectable_percent(some, typical, margin_percent=0.5, error_rate=0.01)
    slower = np.log1p(smallest / 100)
    found = 0
    for _ in range(500):
        one = samples_of(drawn(rng, 6), drawn(rng, 6, slower=slower))
        assert one is not None
        found += change(one, 0.0, 0.5).p_slower <= 0.01
    assert 400 <= found <= 490
