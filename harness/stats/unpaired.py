"""The change of a series between two runs, from the trials of both.

Compared are the logarithms of the trials' ratios to the reference network of the same run. The trial is the unit;
iterations within a trial are not independent of each other, and a test on them reports a change in half of all
comparisons of equals.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

LEAST_TRIALS = 2
"""Trials that each side needs."""

_BOOTSTRAP_TRIALS = 8
_RESAMPLES = 4000
_POWER = 0.9
_NORMAL_975 = 1.96
"""Quantile of the normal distribution, for an interval of 95 %."""


@dataclasses.dataclass(frozen=True)
class Change:
    """The change of one series from baseline to candidate, in percent of the baseline."""

    percent: float
    """Change of the geometric mean of the ratios."""
    low_percent: float
    """Ends of the 95 % interval."""
    high_percent: float
    p_slower: float
    """One-sided p-value for being slower by more than the margin."""
    p_faster: float


@dataclasses.dataclass(frozen=True)
class Samples:
    """The trials of one series on both sides, as natural logarithms of the ratios."""

    base: npt.NDArray[np.float64]
    new: npt.NDArray[np.float64]

    @property
    def degrees_of_freedom(self) -> int:
        """Degrees of freedom of the pooled variance."""
        return len(self.base) + len(self.new) - 2

    @property
    def pooled_sd(self) -> float:
        """Standard deviation within the sides."""
        squares = sum(float(np.sum((side - side.mean()) ** 2)) for side in (self.base, self.new))
        return math.sqrt(squares / self.degrees_of_freedom)

    def standard_error(self, typical_sd: float) -> float:
        """Standard error of the difference of the means, as far as the trials show it.

        The spread of a few trials is sometimes small by luck, which would report a change where there is none. So
        it is taken to be at least the typical spread of the series of the same two runs.
        """
        return max(self.pooled_sd, typical_sd) * math.sqrt(1 / len(self.base) + 1 / len(self.new))


def samples_of(base_ratios: Sequence[float], new_ratios: Sequence[float]) -> Samples | None:
    """The logarithms of both sides; None if a side has fewer trials than `LEAST_TRIALS`."""
    if min(len(base_ratios), len(new_ratios)) < LEAST_TRIALS:
        return None
    return Samples(np.log(np.asarray(base_ratios, np.float64)), np.log(np.asarray(new_ratios, np.float64)))


def typical_sd(samples: Sequence[Samples]) -> float:
    """The median over the series of the spread within their sides; 0 without series."""
    return float(np.median([one.pooled_sd for one in samples])) if samples else 0.0


def change(samples: Samples, typical: float, margin_percent: float, run_effect_sd: float = 0.0) -> Change:
    """The change, its interval and whether it exceeds the margin.

    The trials' part of the interval is Student's below eight trials a side, and from eight a bootstrap over trials
    (`harness.stats.trials.interval_over_trials` says why); the run effect widens it.

    Args:
        samples: both sides.
        typical: spread of the series of these runs, `typical_sd`.
        margin_percent: change that is tolerated.
        run_effect_sd: standard deviation of the change between two runs of equals, beyond what the trials show
            (`run_effect`).
    """
    from scipy import stats

    difference = float(samples.new.mean() - samples.base.mean())
    error = math.hypot(samples.standard_error(typical), run_effect_sd)
    student = stats.t(samples.degrees_of_freedom)
    half_width = float(student.ppf(0.975)) * error
    low, high = difference - half_width, difference + half_width
    if min(len(samples.base), len(samples.new)) >= _BOOTSTRAP_TRIALS:
        ends = _bootstrap_interval(samples)
        widening = _NORMAL_975 * run_effect_sd
        low, high = (
            difference - math.hypot(difference - ends[0], widening),
            difference + math.hypot(ends[1] - difference, widening),
        )
    margin = math.log1p(margin_percent / 100)
    return Change(
        _percent(difference),
        _percent(low),
        _percent(high),
        float(student.sf((difference - margin) / error)) if error else float(difference <= margin),
        float(student.cdf((difference + margin) / error)) if error else float(difference >= -margin),
    )


def _bootstrap_interval(samples: Samples) -> tuple[float, float]:
    generator = np.random.default_rng(0)
    means = [generator.choice(side, size=(_RESAMPLES, len(side))).mean(axis=1) for side in (samples.base, samples.new)]
    low, high = np.quantile(means[1] - means[0], [0.025, 0.975])
    return float(low), float(high)


def smallest_detectable_percent(
    samples: Samples, typical: float, *, margin_percent: float, error_rate: float, run_effect_sd: float = 0.0
) -> float:
    """The slow-down that this comparison would have detected in nine of ten cases.

    Args:
        samples: both sides.
        typical: as for `change`.
        margin_percent: change that is tolerated.
        error_rate: what the p-value of this series has to reach, including the correction for many series.
        run_effect_sd: as for `change`.
    """
    from scipy import stats

    student = stats.t(samples.degrees_of_freedom)
    quantiles = float(student.isf(error_rate)) + float(student.ppf(_POWER))
    error = math.hypot(samples.standard_error(typical), run_effect_sd)
    return _percent(math.log1p(margin_percent / 100) + quantiles * error)


def _percent(log_change: float) -> float:
    return 100 * math.expm1(log_change)
