"""Finds steps, and does not call noise."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from harness.history.change_points import LEAST_RUNS, ChangeRules, _rank_distances, change_points, neighbour_correlation

RULES = ChangeRules()
Values = npt.NDArray[np.float64]


def noise(
    generator: np.random.Generator, runs: int, *, sd: float = 0.012, shared: float = 0.0, spikes: float = 0.0
) -> Values:
    """A level with autoregressive noise, some of whose runs are 3 to 20 % high."""
    values = np.empty(runs)
    values[0] = generator.normal(0, sd)
    for run in range(1, runs):
        values[run] = shared * values[run - 1] + generator.normal(0, sd * math.sqrt(1 - shared**2))
    return values + (generator.random(runs) < spikes) * generator.uniform(0.03, 0.2, runs)


def test_a_step_of_five_percent_in_twenty_runs_is_found_with_its_place_and_size() -> None:
    values = noise(np.random.default_rng(1), 20, sd=0.008)
    values[12:] += math.log(1.05)
    [found] = change_points(values, RULES)
    assert found.position == 12
    assert found.low_percent < 5 < found.high_percent
    assert found.percent == pytest.approx(5, abs=1)
    assert found.low_percent > RULES.margin_percent
    assert found.p_value <= RULES.error_rate


def test_a_slow_down_and_its_repair_are_two_changes() -> None:
    values = noise(np.random.default_rng(2), 40, sd=0.008)
    values[15:28] += math.log(1.08)
    slower, repaired = change_points(values, RULES)
    assert (slower.position, repaired.position) == (15, 28)
    assert slower.percent > 0 > repaired.percent
    assert repaired.high_percent < -RULES.margin_percent


def test_a_change_below_the_margin_is_not_called_however_certain() -> None:
    values = np.concatenate([np.full(30, 0.0), np.full(30, 0.01)]) + noise(np.random.default_rng(3), 60, sd=0.001)
    assert change_points(values, RULES) == []
    assert [one.position for one in change_points(values, ChangeRules(margin_percent=0.5))] == [30]


def test_a_single_disturbed_run_is_not_a_change() -> None:
    values = noise(np.random.default_rng(4), 20)
    values[10] += 0.5
    assert change_points(values, RULES) == []


def test_the_same_seed_gives_the_same_changes() -> None:
    values = noise(np.random.default_rng(5), 24)
    values[14:] += 0.06
    assert change_points(values, RULES) == change_points(values, RULES) != []


@pytest.mark.parametrize("runs", range(2 * LEAST_RUNS))
def test_a_short_history_has_no_changes(runs: int) -> None:
    assert change_points([0.0] * (runs // 2) + [1.0] * (runs - runs // 2), RULES) == []


def test_equal_runs_have_no_changes() -> None:
    assert change_points(np.zeros(30), RULES) == []


def test_a_step_without_noise_is_found() -> None:
    [found] = change_points([0.0] * 10 + [0.1] * 10, RULES)
    assert found.position == 10
    assert found.low_percent == pytest.approx(100 * math.expm1(0.1))


@pytest.mark.parametrize("values", [[0.0, math.nan], [[0.0], [1.0]]])
def test_values_that_are_not_a_row_of_numbers_are_refused(values: object) -> None:
    with pytest.raises(ValueError, match="one finite number per run"):
        change_points(np.asarray(values), RULES)


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    from scipy.stats import rankdata

    values = np.random.default_rng(9).integers(0, 5, 30).astype(float)
    expected = np.abs(np.subtract.outer(rankdata(values), rankdata(values)))
    assert np.array_equal(_rank_distances(values), expected)


def test_what_neighbours_share_is_estimated_across_a_step() -> None:
    generator = np.random.default_rng(6)
    values = noise(generator, 400, shared=0.6)
    assert neighbour_correlation([values[:200], values[200:] + 1]) == pytest.approx(0.6, abs=0.12)
    assert neighbour_correlation([noise(generator, 400)]) < 0.15


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runs", "shared", "spikes", "drift_percent", "most"),
    [
        (20, 0.0, 0.0, 0.0, 0.01),
        (60, 0.0, 0.1, 0.0, 0.01),
        (20, 0.3, 0.1, 0.0, 0.015),
        (60, 0.6, 0.1, 0.0, 0.015),
        (20, 0.8, 0.1, 0.0, 0.03),
        (60, 0.8, 0.1, 0.0, 0.03),
        (60, 0.3, 0.05, 2.0, 0.015),
    ],
)
def test_histories_without_a_step_have_few_changes(
    runs: int, shared: float, spikes: float, drift_percent: float, most: float
) -> None:
    """Up to one history in a hundred, and up to three where neighbours share 80 %; 400 histories each."""
    generator = np.random.default_rng(7)
    drift = np.linspace(0, math.log1p(drift_percent / 100), runs)
    histories = 400
    called = sum(
        bool(change_points(noise(generator, runs, shared=shared, spikes=spikes) + drift, RULES))
        for _ in range(histories)
    )
    # A rate of exactly `most` gives more than this by chance once in a thousand times.
    from scipy.stats import binom

    assert called <= binom.isf(0.001, histories, most)


@pytest.mark.slow
@pytest.mark.parametrize(("sd", "spikes", "least"), [(0.012, 0.0, 0.9), (0.008, 0.05, 0.8)])
def test_a_step_of_five_percent_in_twenty_runs_is_usually_found(sd: float, spikes: float, least: float) -> None:
    generator = np.random.default_rng(8)
    step = np.repeat([0.0, math.log(1.05)], 10)
    found = sum(
        any(
            abs(one.position - 10) <= 2
            for one in change_points(noise(generator, 20, sd=sd, spikes=spikes) + step, RULES)
        )
        for _ in range(100)
    )
    assert found >= 100 * least
