"""Finds where the level of a history of runs changed: E-divisive on ranks over arcs, with permutations.

Matteson and James, "A nonparametric approach for multiple change point analysis of multivariate data", Journal of the
American Statistical Association 109, 2014: a segment is split where the energy distance between both parts is
largest, if few random orders of the same runs have a split as good, and the parts are split in turn. The performance
tests of databases rest on it (Daly et al., ICPE 2020; Fleming et al., ICPE 2023).

Three things differ:

- A part may be an arc, the runs between two points, compared with those on both sides of it (circular binary
  segmentation, Olshen et al., Biostatistics 5, 2004). A single split hardly sees a slow-down that was fixed a week
  later.
- Distances are between ranks, so that a run of a disturbed machine counts as one high run, however high.
- On a machine that drifts, neighbouring runs resemble each other, and half of all such histories are not in random
  order. So a change is called only if its interval, widened by what neighbours share, lies beyond a margin.

`tests/harness/history/test_change_points.py -m slow` counts the false changes; docs/history.md states the result.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

LEAST_RUNS = 4
"""Minimum number of runs on either side of a change: with fewer, its size has no 95 % interval."""

_PERMUTATIONS = 999
_NORMAL_95 = 1.96

# Spikes say nothing about what neighbours share, and an estimate near 1 would widen without bound.
_CLIP_SD = 2.5
_MOST_CORRELATION = 0.9

_MAD_TO_SD = 1.4826
_ROUNDING = 1e-9

Values = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class ChangeRules:
    """What counts as a change."""

    margin_percent: float = 2.0
    """Changes whose interval reaches below it are not called."""
    error_rate: float = 0.01
    """Probability of calling any change in a history without one and in random order; docs/history.md on drift."""
    seed: int = 0
    """Seed of the permutations."""


@dataclasses.dataclass(frozen=True)
class ChangePoint:
    """A change of level between two neighbouring runs."""

    position: int
    """Index of the first run on the new level."""
    percent: float
    """Change from the level before to the level after (Hodges-Lehmann)."""
    low_percent: float
    """Ends of the 95 % interval."""
    high_percent: float
    p_value: float
    """P-value of the split, by permutation."""


def change_points(log_values: npt.ArrayLike, rules: ChangeRules) -> list[ChangePoint]:
    """The changes of level in one history, in order of time.

    Args:
        log_values: natural logarithm of each run's figure, oldest first, shape (runs,).
        rules: what counts.

    Raises:
        ValueError: the values are not a row of finite numbers.
    """
    values = np.asarray(log_values, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(f"one finite number per run is needed; got {values!r}")
    p_values = _placed(values, _splits(values, 0, rules, np.random.default_rng(rules.seed)))
    while p_values:
        found = _sized(values, p_values)
        smallest = min(found, key=_least_percent)
        if _least_percent(smallest) > rules.margin_percent:
            return found
        # One at a time: without it, the sides of its neighbours are longer and more conclusive.
        del p_values[smallest.position]
    return []


def _splits(values: Values, offset: int, rules: ChangeRules, generator: np.random.Generator) -> dict[int, float]:
    """Positions of the splits that few random orders match, and their p-values."""
    if len(values) < 2 * LEAST_RUNS:
        return {}
    distances = _rank_distances(values)
    arcs = _Arcs(len(values))
    energies = arcs.energies(distances)
    p_value = _p_value(distances, arcs, float(energies.max()), rules.error_rate, generator)
    if p_value > rules.error_rate:
        return {}
    start, end = (int(place) for place in np.unravel_index(np.argmax(energies), energies.shape))
    inner = [at for at in (start, end) if 0 < at < len(values)]
    found = {offset + at: p_value for at in inner}
    for first, last in pairwise([0, *inner, len(values)]):
        found |= _splits(values[first:last], offset + first, rules, generator)
    return found


def _placed(values: Values, p_values: dict[int, float]) -> dict[int, float]:
    """The splits moved to where the two levels beside them fit best, by least absolute distances.

    Ranks do not show the gap between two levels, and an arc's ends are found for its outside as a whole.
    """
    edges = [0, *sorted(p_values), len(values)]
    placed = {}
    for index in range(1, len(edges) - 1):
        first, last = edges[index - 1], edges[index + 1]
        p_value = p_values[edges[index]]
        places = range(first + LEAST_RUNS, last - LEAST_RUNS + 1)
        misfits = [_distance(values[first:at]) + _distance(values[at:last]) for at in places]
        edges[index] = places[int(np.argmin(misfits))]
        placed[edges[index]] = p_value
    return placed


def _distance(values: Values) -> float:
    """Sum of the distances to the median."""
    return float(np.abs(values - np.median(values)).sum())


def _rank_distances(values: Values) -> Values:
    """Distances of the ranks of every two runs, shape (runs, runs); equal runs share the mean of their ranks."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return np.asarray(np.abs(ranks[:, None] - ranks[None, :]), dtype=np.float64)


class _Arcs:
    """Every arc of a number of runs that leaves no piece of fewer than `LEAST_RUNS`, by start and end."""

    def __init__(self, runs: int) -> None:
        edges = np.arange(runs + 1)
        start, end = edges[:, None], edges[None, :]
        inside, outside = end - start, runs - (end - start)
        self._allowed = (
            (inside >= LEAST_RUNS)
            & (outside >= LEAST_RUNS)
            & ((start == 0) | (start >= LEAST_RUNS))
            & ((end == runs) | (runs - end >= LEAST_RUNS))
        )
        # Arcs that are not allowed get a count that avoids a division by zero.
        self._inside = np.where(self._allowed, inside, 2)
        self._outside = np.where(self._allowed, outside, 2)

    def energies(self, distances: Values) -> Values:
        """The scaled energy distance between the inside and the outside of every arc.

        Args:
            distances: between every two runs, in their order, shape (runs, runs).

        Returns:
            Matteson and James's Q with exponent 1, shape (runs + 1, runs + 1), by start and end; -1 if the arc is
            not allowed.
        """
        runs = len(distances)
        # Sums over rectangles that begin at the first run; each pair of runs counts twice in a square.
        sums = np.zeros((runs + 1, runs + 1))
        sums[1:, 1:] = distances.cumsum(axis=0).cumsum(axis=1)
        corners, strips = np.diag(sums), sums[-1]
        within = corners[None, :] + corners[:, None] - 2 * sums
        across = strips[None, :] - strips[:, None] - within
        without = strips[-1] - within - 2 * across
        inside, outside = self._inside, self._outside
        energy = (
            2 * across / (inside * outside) - within / (inside * (inside - 1)) - without / (outside * (outside - 1))
        )
        return np.where(self._allowed, inside * outside / runs * energy, -1.0)


def _p_value(
    distances: Values, arcs: _Arcs, observed: float, error_rate: float, generator: np.random.Generator
) -> float:
    """Share of random orders with an arc as good; counting stops once it exceeds the error rate."""
    enough = error_rate * (_PERMUTATIONS + 1)
    reached = 0
    for _ in range(_PERMUTATIONS):
        order = generator.permutation(len(distances))
        reached += bool(arcs.energies(distances[np.ix_(order, order)]).max() >= observed - _ROUNDING)
        if reached + 1 > enough:
            return 1.0
    return (reached + 1) / (_PERMUTATIONS + 1)


def _sized(values: Values, p_values: dict[int, float]) -> list[ChangePoint]:
    """The changes between neighbouring segments."""
    edges = [0, *sorted(p_values), len(values)]
    segments = [values[start:end] for start, end in pairwise(edges)]
    shared = neighbour_correlation(segments)
    widening = math.sqrt((1 + shared) / (1 - shared))
    return [
        _change(before, after, at, p_values[at], widening)
        for (before, after), at in zip(pairwise(segments), edges[1:-1], strict=True)
    ]


def _change(before: Values, after: Values, position: int, p_value: float, widening: float) -> ChangePoint:
    """Hodges and Lehmann's shift with the interval that the rank sum test does not reject, widened."""
    shifts = np.sort((after[:, None] - before[None, :]).ravel())
    pairs = len(shifts)
    spread = math.sqrt(pairs * (len(before) + len(after) + 1) / 12)
    left_out = max(math.floor(pairs / 2 - _NORMAL_95 * spread) - 1, 0)
    centre = float(np.median(shifts))
    ends = (centre + widening * (float(end) - centre) for end in (shifts[left_out], shifts[pairs - 1 - left_out]))
    low, high = (100 * math.expm1(end) for end in ends)
    return ChangePoint(position, 100 * math.expm1(centre), low, high, p_value)


def neighbour_correlation(segments: Sequence[Values]) -> float:
    """The share of its distance from the level that a run has in common with the run before it, 0 to 0.9.

    Estimated from the runs' distances to their segment's median. Estimates from short segments are too small; Kendall's
    correction ("Note on bias in the estimation of autocorrelation", Biometrika 41, 1954) is added for each.
    """
    products = squares = 0.0
    for segment in segments:
        distances = segment - np.median(segment)
        bound = _CLIP_SD * _MAD_TO_SD * float(np.median(np.abs(distances)))
        clipped = np.clip(distances, -bound, bound)
        clipped = clipped - clipped.mean()
        products += float(clipped[1:] @ clipped[:-1])
        squares += float(clipped @ clipped)
    if not squares:
        return 0.0
    raw = products / squares
    corrected = raw + len(segments) * (1 + 4 * raw) / sum(map(len, segments))
    return min(max(corrected, 0.0), _MOST_CORRELATION)


def _least_percent(one: ChangePoint) -> float:
    """The distance of the interval from no change; 0 if no change lies within it."""
    if one.low_percent <= 0 <= one.high_percent:
        return 0.0
    return min(abs(one.low_percent), abs(one.high_percent))
