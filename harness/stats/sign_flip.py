"""Are pairs of measurements slower by more than a margin? A sign-flip permutation test.

The unit is the pair: two fresh processes, one of each side, measured together in alternating blocks. Under the
hypothesis that nothing changed, exchanging the sides of a pair changes the sign of its log ratio and nothing
else, so every pattern of signs is equally likely and the p-value is a count, whatever the distribution.

Scores are clipped (Huber), because a shared machine causes spikes: one spike breaks the signed-rank test, in which a
pair's weight grows with its rank, but here it has at most about two votes. The scale is the median absolute value,
which does not depend on the signs, so that the test stays exact.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CLIP = 1.5
"""Scores beyond this many robust standard deviations are clipped to it."""

# Scale that makes the median absolute value estimate a centred normal distribution's standard deviation.
_MEDIAN_TO_SD = 1.4826

EXACT_PAIRS = 18
"""Up to this many pairs, every pattern of signs is counted; beyond it, a sample."""

_RESAMPLES = 100_000

# Sums of the same scores in another order differ by rounding; a tie must count as one.
_ROUNDING = 1e-9


def slower_p_value(log_ratios: npt.ArrayLike, margin_percent: float, *, seed: int = 0) -> float:
    """Probability of pairs at least as slow as these if the candidate is slower by at most the margin.

    Args:
        log_ratios: natural logarithms of candidate over baseline, one per pair, shape (pairs,).
        margin_percent: change that is tolerated.
        seed: seed of the resampling, needed from 19 pairs on; up to 18, every pattern of signs is counted.

    Returns:
        The one-sided p-value, never below 2 to the power of minus the number of pairs.

    Raises:
        ValueError: there are no pairs, or a value is not finite.
    """
    return _p_value(_shifted(log_ratios, -np.log1p(margin_percent / 100)), seed)


def faster_p_value(log_ratios: npt.ArrayLike, margin_percent: float, *, seed: int = 0) -> float:
    """The same for a candidate that is faster by more than the margin; see `slower_p_value`."""
    return _p_value(-_shifted(log_ratios, np.log1p(margin_percent / 100)), seed)


def least_p_value(pairs: int) -> float:
    """The smallest p-value that this number of pairs can reach."""
    return max(2.0**-pairs, 1 / (_RESAMPLES + 1)) if pairs > EXACT_PAIRS else 2.0**-pairs


def _shifted(log_ratios: npt.ArrayLike, shift: float) -> npt.NDArray[np.float64]:
    values = np.asarray(log_ratios, dtype=np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"log ratios of at least one pair are needed, all finite; got {values!r}")
    return values + shift


def _p_value(excess: npt.NDArray[np.float64], seed: int) -> float:
    scale = _MEDIAN_TO_SD * float(np.median(np.abs(excess)))
    # If the scale is 0, at least half the pairs are exactly on the margin: only the signs of the others count.
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
