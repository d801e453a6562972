"""Intervals of an accuracy, and the comparison of two accuracies on the same images."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

Z_95 = 1.959963984540054
"""97.5 % quantile of the standard normal distribution."""

_BISECTIONS = 60
"""Halvings of an interval of length 1: beyond the digits of a float."""


def wilson_interval(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval of a proportion; it stays within 0 and 1 and is not empty at either end.

    Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22, 1927; recommended over the usual one by Brown, Cai and DasGupta, "Interval estimation
    for a binomial proportion", Statistical Science 16, 2001.

    Args:
        successes: of the trials, 0 or more.
        trials: 1 or more.
        z: quantile of the normal distribution; 95 % by default.

    Returns:
        Lower and upper end, as proportions.

    Raises:
        ValueError: there are no trials, or more successes than trials.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} of {trials} is not a proportion")
    proportion = successes / trials
    scale = 1 + z * z / trials
    centre = (proportion + z * z / (2 * trials)) / scale
    half_width = z / scale * math.sqrt(proportion * (1 - proportion) / trials + z * z / (4 * trials * trials))
    # Exactly 0 and 1 at the ends, where rounding would miss them.
    low = 0.0 if successes == 0 else centre - half_width
    high = 1.0 if successes == trials else centre + half_width
    return low, high


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """Two classifiers on the same images: `other` minus `base`."""

    images: int
    gained: int
    """Images that only `other` classifies correctly."""
    lost: int
    """Images that only `base` classifies correctly."""
    difference: float
    """Accuracy of `other` minus that of `base`, as a proportion, as are the ends of its 95 % interval."""
    low: float
    high: float
    p_value: float
    """Two-sided p-value of the exact McNemar test: how likely chance splits the discordant images this unevenly."""


def paired_difference(gained: int, lost: int, images: int) -> PairedDifference:
    """Compares two classifiers by the images on which only one of them is right.

    The test is McNemar's in its exact form: given the discordant images, each is as likely to favour either side
    (McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12, 1947). The interval is Tango's score interval, which keeps its coverage even with few discordant
    images (Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Statistics in Medicine 17, 1998). The test is exact and the interval is not: near p = 0.05 the two may
    disagree.

    Args:
        gained: images that only the second classifies correctly.
        lost: images that only the first classifies correctly.
        images: number of all images, 1 or more.

    Raises:
        ValueError: the counts are impossible for this number of images.
    """
    if images < 1 or min(gained, lost) < 0 or gained + lost > images:
        raise ValueError(f"{gained} and {lost} discordant images of {images} are impossible")
    low, high = tango_interval(gained, lost, images)
    return PairedDifference(images, gained, lost, (gained - lost) / images, low, high, exact_mcnemar(gained, lost))


def exact_mcnemar(gained: int, lost: int) -> float:
    """Two-sided p-value of the exact McNemar test; 1 if no image is discordant."""
    if gained + lost == 0:
        return 1.0
    from scipy import stats

    return float(stats.binomtest(min(gained, lost), gained + lost, 0.5).pvalue)


def tango_interval(gained: int, lost: int, images: int, z: float = Z_95) -> tuple[float, float]:
    """Tango's score interval of a paired difference of proportions, (gained - lost) / images."""
    difference = (gained - lost) / images

    def reached(limit: float) -> float:
        return abs(_tango_score(gained, lost, images, limit)) - z

    return _crossing(reached, difference, -1.0), _crossing(reached, difference, 1.0)


def _tango_score(gained: int, lost: int, images: int, difference: float) -> float:
    """The score statistic of the hypothesis that the difference is `difference`: equation 10 of Tango's paper.

    The probability of a lost image is estimated under the hypothesis, as the larger root of its quadratic equation.
    """
    linear = -gained - lost + (2 * images - gained + lost) * difference
    constant = -lost * difference * (1 - difference)
    root = math.sqrt(max(linear * linear - 8 * images * constant, 0.0))
    lost_probability = max((root - linear) / (4 * images), 0.0)
    variance = images * (2 * lost_probability + difference * (1 - difference))
    distance = gained - lost - images * difference
    if variance <= 0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _crossing(reached: Callable[[float], float], inside: float, outside: float) -> float:
    """Where `reached` turns positive on the way from a point where it is not; `outside` if it never does."""
    if reached(outside) <= 0:
        return outside
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        if reached(middle) > 0:
            outside = middle
        else:
            inside = middle
    return outside
