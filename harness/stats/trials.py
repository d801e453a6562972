"""Statistics of samples, trials and series; numpy only, and deterministic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

# Scale that makes the median absolute deviation estimate a normal distribution's standard deviation.
_MAD_TO_SD = 1.4826

# Samples below which a percentile is not reported: MLPerf's floor for its early stopping rule at 99 %
# confidence (mlcommons/inference, loadgen/early_stopping.cc).
_LEAST_SAMPLES = {99.0: 662}

# Student's t at 97.5 % for 2 to 7 trials, that is for 1 to 6 degrees of freedom.
_STUDENT_T = {2: 12.7062, 3: 4.3027, 4: 3.1824, 5: 2.7764, 6: 2.5706, 7: 2.4469}

_RESAMPLES = 4000


def median(values: npt.ArrayLike) -> float:
    """The median of at least one value."""
    return float(np.median(np.asarray(values, dtype=np.float64)))


def percentile(samples: npt.ArrayLike, percent: float) -> float | None:
    """The order statistic at `percent`, an observed value; None with too few samples.

    With n samples sorted from 0 it is number floor(n * percent / 100), as in MLPerf's loadgen. The 99th
    needs 662 samples.
    """
    values = np.sort(np.asarray(samples, dtype=np.float64).ravel())
    if len(values) < _LEAST_SAMPLES.get(float(percent), 1):
        return None
    return float(values[min(int(len(values) * percent / 100), len(values) - 1)])


def robust_sd(samples: npt.ArrayLike) -> float | None:
    """Standard deviation by the median absolute deviation; None for fewer than two samples."""
    values = np.asarray(samples, dtype=np.float64)
    if values.size < 2:
        return None
    return float(_MAD_TO_SD * np.median(np.abs(values - np.median(values))))


def interval_over_trials(values: npt.ArrayLike, *, seed: int = 0) -> tuple[float | None, float | None]:
    """A 95 % interval for the median of positive values, one from each trial; Nones for fewer than two.

    Up to seven trials: Student's interval of the mean logarithm, widened if it would exclude the
    median. From eight: percentile bootstrap of the median over trials, whose coverage is too low for fewer
    (simulated in docs/evidence.md).
    """
    trials = np.asarray(values, dtype=np.float64)
    if trials.size < 2:
        return None, None
    if trials.size in _STUDENT_T:
        return _student_interval(trials)
    generator = np.random.default_rng(seed)
    resamples = generator.choice(trials, size=(_RESAMPLES, trials.size))
    low, high = np.quantile(np.median(resamples, axis=1), [0.025, 0.975])
    return float(low), float(high)


def _student_interval(trials: npt.NDArray[np.float64]) -> tuple[float, float]:
    logs = np.log(trials)
    half_width = _STUDENT_T[trials.size] * np.std(logs, ddof=1) / np.sqrt(trials.size)
    centre = np.median(logs)
    low = min(np.mean(logs) - half_width, centre)
    high = max(np.mean(logs) + half_width, centre)
    return float(np.exp(low)), float(np.exp(high))


def half_width_percent(values: npt.ArrayLike, *, seed: int = 0) -> float | None:
    """Half the length of the interval over trials, in percent of the median; None without an interval."""
    low, high = interval_over_trials(values, seed=seed)
    if low is None or high is None:
        return None
    return 50 * (high - low) / median(values)


def expected_half_width_percent(trials_count: int, spread_percent: float) -> float | None:
    """Half the length that the interval over trials will have, in percent; None without an interval.

    Args:
        trials_count: how many trials there will be.
        spread_percent: standard deviation between trials. From eight trials it is taken for normal: the standard
            error of a median is then that of a mean times the root of pi / 2.
    """
    if trials_count < 2:
        return None
    quantile = _STUDENT_T.get(trials_count, 1.96 * np.sqrt(np.pi / 2))
    return float(quantile * spread_percent / np.sqrt(trials_count))


def narrow_enough(ratios: npt.ArrayLike, half_width_percent_wanted: float, min_trials: int) -> bool:
    """Whether a series has enough trials: at least `min_trials`, and an interval as narrow as wanted.

    Stopping at the first narrow interval favours intervals that are narrow by luck, the more so the fewer
    the trials, so `min_trials` should be three or more.
    """
    trials = np.asarray(ratios, dtype=np.float64)
    width = half_width_percent(trials)
    return trials.size >= min_trials and width is not None and width <= half_width_percent_wanted
