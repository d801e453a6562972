from __future__ import annotations

import numpy as np
import pytest

from harness.stats.multiplicity import benjamini_hochberg, holm


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_benjamini_hochberg_by_hand() -> None:
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_one_p_value_stays_and_none_exceeds_one(adjust: object) -> None:
    assert callable(adjust)
    assert adjust([0.3]) == pytest.approx([0.3])
    assert adjust([0.9, 0.8, 0.7]).max() <= 1.0
    assert adjust([]).shape == (0,)


def test_it_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    p = np.random.default_rng(0).uniform(0, 1, 40) ** 3
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))


@pytest.mark.parametrize("bad", [[-0.1], [1.1], [np.nan], [[0.1]]])
def test_what_is_not_a_p_value_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm(bad)


def test_holm_keeps_the_rate_of_any_false_alarm() -> None:
    rng = np.random.default_rng(1)
    families = sum((holm(rng.uniform(0, 1, 50)) <= 0.05).any() for _ in range(2000))
    assert 60 <= families <= 130
