from __future__ import annotations

import numpy as np
import pytest

from harness.stats.sign_flip import faster_p_value, least_p_value, slower_p_value


def test_all_pairs_slower_reach_the_least_p_value() -> None:
    for pairs in (1, 5, 12):
        assert slower_p_value(np.full(pairs, 0.05), 0.5) == least_p_value(pairs) == 2.0**-pairs


def test_by_hand_for_three_pairs() -> None:
    """Excesses 1, 1, -1 of equal size: sums 3, 1, 1, 1, -1, -1, -1, -3, of which four reach 1."""
    assert slower_p_value([0.01, 0.01, -0.01], 0.0) == 4 / 8


def test_a_change_within_the_margin_is_not_an_alarm() -> None:
    logs = np.log1p(0.004) + np.random.default_rng(0).normal(0, 0.001, 12)
    assert slower_p_value(logs, 0.5) > 0.9
    assert slower_p_value(logs, 0.0) < 0.001


def test_faster_is_slower_with_the_sides_exchanged() -> None:
    logs = np.random.default_rng(1).normal(-0.02, 0.01, 10)
    assert faster_p_value(logs, 0.0) == slower_p_value(-logs, 0.0)
    assert faster_p_value(logs, 0.5) < 0.01 < slower_p_value(logs, 0.5)


def test_one_spike_does_not_hide_a_change() -> None:
    logs = np.full(14, 0.03) + np.random.default_rng(2).normal(0, 0.004, 14)
    logs[0] = -0.5
    assert slower_p_value(logs, 0.5) < 0.005


def test_pairs_exactly_on_the_margin_say_nothing() -> None:
    assert slower_p_value(np.zeros(6), 0.0) == 1.0
    assert slower_p_value([0.0, 0.0, 0.0, 0.0, 0.1], 0.0) == 0.5


def test_resampling_agrees_with_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    logs = np.random.default_rng(3).normal(0.004, 0.01, 16)
    exact = slower_p_value(logs, 0.0)
    monkeypatch.setattr("harness.stats.sign_flip.EXACT_PAIRS", 10)
    assert slower_p_value(logs, 0.0) == pytest.approx(exact, abs=0.005)
    assert slower_p_value(logs, 0.0, seed=1) == slower_p_value(logs, 0.0, seed=1)


@pytest.mark.parametrize("bad", [[], [0.1, np.nan], [np.inf], [[0.1]]])
def test_what_is_not_a_list_of_pairs_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        slower_p_value(bad, 0.5)


def symmetric_noise(kind: str, rng: np.random.Generator, pairs: int) -> np.ndarray:
    if kind == "normal":
        return rng.normal(0, 0.011, pairs)
    if kind == "t(2)":
        return 0.008 * rng.standard_t(2, pairs)
    if kind == "spikes on either side":
        return rng.normal(0, 0.008, pairs) + rng.choice([0, 0.3, -0.3], pairs, p=[0.8, 0.1, 0.1])
    # Two speeds of the machine: in one of them the pair's noise is ten times as large.
    return rng.normal(0, 1, pairs) * rng.choice([0.003, 0.03], pairs)


@pytest.mark.parametrize("kind", ["normal", "t(2)", "spikes on either side", "two speeds"])
@pytest.mark.parametrize("pairs", [8, 12])
def test_false_alarms_are_as_rare_as_stated(kind: str, pairs: int) -> None:
    """4000 comparisons of equals at 5 %: four binomial standard deviations (13.8) about 200."""
    rng = np.random.default_rng(pairs)
    alarms = sum(slower_p_value(symmetric_noise(kind, rng, pairs), 0.0) <= 0.05 for _ in range(4000))
    assert 145 <= alarms <= 255


def test_a_true_slow_down_is_found() -> None:
    rng = np.random.default_rng(7)
    found = sum(slower_p_value(np.log1p(0.03) + rng.normal(0, 0.011, 14), 0.5) <= 0.005 for _ in range(300))
    assert found >= 285
