"""Are pairs of measurements slower by more than a margin? A sign-flip permutation test.

Unit is the pair: two fresh processes, one of each side, measured at once in alternating blocks. Under the
hypothesis that nothing changed, exchanging the sides of a pair changes the sign of its log ratio and nothing
else, so every pattern of signs is equally likely and the p-value is a count, whatever the distribution.

Scores are clipped (Huber), because a machine shared with others makes spikes: one spike breaks the signed-rank
test, whose weight of a pair grows with its rank, and takes at most about two votes here. The scale is the median
absolute value, which no sign changes, so that the test stays exact with it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CLIP = 1.5
"""Scores beyond as many robust standard deviations count as this."""

# Scale that makes the median absolute value estimate a centred normal distribution's standard deviation.
_MEDIAN_TO_SD = 1.4826

EXACT_PAIRS = 18
"""Pairs of which every pattern of signs is counted; of more, a sample."""

_RESAMPLES = 100_000

# Sums of the same scores in another order differ by rounding; a tie must count as one.
_ROUNDING = 1e-9


def slower_p_value(log_ratios: npt.ArrayLike, margin_percent: float, *, seed: int = 0) -> float:
    """Probability of pairs as slow as these, were the candidate slower by the margin at most.

    Args:
        log_ratios: natural logarithms of candidate over baseline, one a pair, shape (pairs,).
        margin_percent: change that is tolerated.
        seed: of the resampling, which 19 pairs and more need; up to 18 every pattern of signs is counted.

    Returns:
        The one-sided p-value, never below 2 to the power of minus the number of pairs.

    Raises:
        ValueError: no pairs, or a value that is not finite.
    """
    return _p_value(_shifted(log_ratios, -np.log1p(margin_percent / 100)), seed)


def faster_p_value(log_ratios: npt.ArrayLike, margin_percent: float, *, seed: int = 0) -> float:
    """The same for a candidate that is faster by more than the margin; see `slower_p_value`."""
    return _p_value(-_shifted(log_ratios, np.log1p(margin_percent / 100)), seed)


def least_p_value(pairs: int) -> float:
    """The smallest p-value that as many pairs can reach."""
    return max(2.0**-pairs, 1 / (_RESAMPLES + 1)) if pairs > EXACT_PAIRS else 2.0**-pairs


def _shifted(log_ratios: npt.ArrayLike, shift: float) -> npt.NDArray[np.float64]:
    values = np.asarray(log_ratios, dtype=np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"log ratios of at least one pair are needed, all finite; got {values!r}")
    return values + shift


def _p_value(excess: npt.NDArray[np.float64], seed: int) -> float:
    scale = _MEDIAN_TO_SD * float(np.median(np.abs(excess)))
    # Without a scale at least half the pairs lie on the margin itself: only the others' signs say anything.
    scores = np.clip(excess / scale, -CLIP, CLIP) if scale else np.sign(excess)
    observed = float(scores.sum()) - _ROUNDING
    if scores.size <= EXACT_PAIRS:
        return float(np.mean(_all_sums(np.abs(scores)) >= observed))
    signs = np.random.default_rng(seed).choice(np.array([-1, 1], dtype=np.int8), size=(_RESAMPLES, scores.size))
    reached = int(np.count_nonzero(signs @ np.abs(scores) >= observed))
    return (reached + 1) / (_RESAMPLES + 1)


def _all_sums(magnitudes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The sums under every pattern of signs, shape (2 ** pairs,)."""
    sums = np.zeros(1)
    for magnitude in magnitudes:
        sums = np.concatenate([sums - magnitude, sums + magnitude])
    return sums
