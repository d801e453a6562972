from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from harness.stats.proportions import Z_95, exact_mcnemar, paired_difference, tango_interval, wilson_interval


@given(st.integers(1, 60_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_that_of_scipy(counts):
    expected = stats.binomtest(*counts).proportion_ci(method="wilson")
    assert wilson_interval(*counts) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_does_not_vanish_if_all_or_none_is_right():
    low, high = wilson_interval(0, 20)
    assert low == 0.0
    assert 0.1 < high < 0.2
    low, high = wilson_interval(20, 20)
    assert 0.8 < low < 0.9
    assert high == 1.0


@pytest.mark.parametrize("counts", [(0, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_what_is_not_a_proportion(counts):
    with pytest.raises(ValueError, match="is not a proportion"):
        wilson_interval(*counts)


def restricted_score(gained: int, lost: int, images: int, difference: float) -> float:
    """The score statistic with its nuisance parameter found by maximising the likelihood numerically."""
    least, most = max(0.0, -difference), (1 - difference) / 2

    def minus_log_likelihood(lost_probability: float) -> float:
        both = 1 - 2 * lost_probability - difference
        parts = ((gained, lost_probability + difference), (lost, lost_probability), (images - gained - lost, both))
        return -sum(count * np.log(max(probability, 1e-300)) for count, probability in parts)

    found = optimize.minimize_scalar(
        minus_log_likelihood, bounds=(least, most), method="bounded", options={"xatol": 1e-12}
    )
    variance = images * (2 * found.x + difference * (1 - difference))
    return (gained - lost - images * difference) / np.sqrt(variance)


@pytest.mark.parametrize("counts", [(1, 7, 21), (40, 20, 160), (6, 16, 161), (3, 1, 500)])
def test_the_ends_of_tangos_interval_are_where_the_score_reaches_its_limit(counts):
    """The counts are examples from the R packages contingencytables and PropCIs, and few discordant images of many."""
    low, high = tango_interval(*counts)
    assert restricted_score(*counts, low) == pytest.approx(Z_95, abs=1e-4)
    assert restricted_score(*counts, high) == pytest.approx(-Z_95, abs=1e-4)


def test_tango_excludes_zero_where_mcnemars_score_test_rejects():
    """At a difference of 0 Tango's score is McNemar's."""
    for gained, lost in [(3, 9), (3, 10), (3, 11), (3, 12), (0, 3), (0, 4), (20, 35), (20, 36)]:
        rejects = abs(gained - lost) / np.sqrt(gained + lost) > Z_95
        low, high = tango_interval(gained, lost, 200)
        assert (low > 0 or high < 0) == rejects


def test_tango_without_discordant_images_still_has_a_width():
    limit = Z_95**2 / (100 + Z_95**2)
    assert tango_interval(0, 0, 100) == pytest.approx((-limit, limit))


def test_tango_turns_round_with_its_sides():
    low, high = tango_interval(5, 2, 50)
    assert tango_interval(2, 5, 50) == pytest.approx((-high, -low))


def test_tango_covers_what_it_should():
    """Of 4,000 draws with few discordant images about 95 % of the intervals hold the true difference."""
    generator = np.random.default_rng(0)
    probabilities = [0.03, 0.06, 0.91]
    draws = generator.multinomial(300, probabilities, size=4000)
    intervals = {(gained, lost): tango_interval(gained, lost, 300) for gained, lost in {(d[0], d[1]) for d in draws}}
    true = probabilities[0] - probabilities[1]
    covered = np.mean([intervals[d[0], d[1]][0] <= true <= intervals[d[0], d[1]][1] for d in draws])
    assert 0.935 < covered < 0.965


def test_mcnemar_by_hand():
    # Two of eight or fewer either way: 2 * (1 + 8 + 28) / 256.
    assert exact_mcnemar(2, 6) == pytest.approx(74 / 256)
    assert exact_mcnemar(6, 2) == pytest.approx(74 / 256)
    assert exact_mcnemar(0, 0) == 1.0
    assert exact_mcnemar(4, 4) == 1.0


def test_a_paired_difference_is_other_minus_base():
    found = paired_difference(gained=3, lost=13, images=400)
    assert found.difference == pytest.approx(-0.025)
    assert found.low < found.difference < found.high < 0
    assert found.p_value == pytest.approx(exact_mcnemar(3, 13))


@pytest.mark.parametrize("counts", [(1, 1, 0), (-1, 2, 5), (3, 3, 5)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="are impossible"):
        paired_difference(*counts)
