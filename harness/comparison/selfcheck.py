"""How reliable a gate is on this machine: gates with equal sides, and gates with a known slow-down."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from harness.comparison.gate import GateResult, GateRules, gate
from harness.comparison.pair import Pairing, PairResult
from harness.comparison.pair_rounds import Listener, MeasurePair

_CONFIDENCE = 0.95
_POWER = 0.9


@dataclasses.dataclass(frozen=True)
class RecordedPair:
    """One pair of a self-check."""

    check: str
    """`equal` or `slowed`."""
    comparison: int
    """Which comparison of that check it belongs to, from 0."""
    model: str
    swapped: bool
    result: PairResult


Record = Callable[[RecordedPair], None]


@dataclasses.dataclass(frozen=True)
class Rate:
    """A count out of a total, with the one-sided 95 % bounds of Clopper and Pearson."""

    count: int
    total: int

    @property
    def upper(self) -> float:
        """The rate is below this, with 95 % confidence."""
        if self.count == self.total:
            return 1.0
        from scipy import stats

        return float(stats.beta.ppf(_CONFIDENCE, self.count + 1, self.total - self.count))

    @property
    def lower(self) -> float:
        """The rate is above this, with 95 % confidence."""
        if self.count == 0:
            return 0.0
        from scipy import stats

        return float(stats.beta.ppf(1 - _CONFIDENCE, self.count, self.total - self.count + 1))


@dataclasses.dataclass(frozen=True)
class Spread:
    """Where the noise of a series comes from, and which slow-down can be detected in it."""

    model: str
    pairs_count: int
    between_percent: float
    """Standard deviation of the log ratio between pairs, that is between processes."""
    within_percent: float | None
    """Median over pairs of the robust standard deviation between the groups of blocks of one process."""
    smallest_detectable_percent: float
    """Slow-down that the confirming pairs would call in about nine of ten gates of this series alone."""


def repeated_gates(
    check: str,
    pairings: Sequence[Pairing],
    count: int,
    measure: MeasurePair,
    rules: GateRules,
    *,
    seed: int,
    listener: Listener,
    record: Record,
) -> list[GateResult]:
    """Runs gates of one series each, the series taking turns.

    Args:
        check: `equal` or `slowed`.
        pairings: the series, each against itself.
        count: number of gates.
        measure: measures one pair.
        rules: the rules of the gates.
        seed: seed of the first gate; each gate has another.
        listener: follows every pair.
        record: receives every pair as soon as it is measured.
    """
    found = []
    for index in range(count):
        pairing = pairings[index % len(pairings)]

        def recorded(one: Pairing, pair_seed: int, swapped: bool, index: int = index) -> PairResult:
            result = measure(one, pair_seed, swapped)
            record(RecordedPair(check, index, one.model, swapped, result))
            return result

        found += gate([pairing], recorded, rules, seed=seed + 2 * index, listener=listener)
    return found


def spreads(pairs: Sequence[RecordedPair], rules: GateRules) -> list[Spread]:
    """The noise of each series, from the undisturbed pairs of equals."""
    by_model: dict[str, list[PairResult]] = {}
    for pair in pairs:
        if pair.check == "equal" and pair.result.log_ratio is not None and not pair.result.contaminated:
            by_model.setdefault(pair.model, []).append(pair.result)
    return [_spread(model, results, rules) for model, results in by_model.items() if len(results) > 1]


def _spread(model: str, results: Sequence[PairResult], rules: GateRules) -> Spread:
    from scipy import stats

    between = float(np.std([one.log_ratio for one in results if one.log_ratio is not None], ddof=1))
    within = [one.within_percent for one in results if one.within_percent is not None]
    quantiles = float(stats.norm.isf(rules.error_rate) + stats.norm.ppf(_POWER))
    smallest = math.log1p(rules.margin_percent / 100) + quantiles * between / math.sqrt(rules.confirm_pairs)
    return Spread(
        model,
        len(results),
        100 * between,
        float(np.median(within)) if within else None,
        100 * math.expm1(smallest),
    )
