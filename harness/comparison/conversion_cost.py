"""What conversion costs: a network as it is exported, with fused operators, and in its framework, pair by pair.

Each comparison is like one of the gate's: both sides in one fresh process, timed in alternating blocks. The exported
graph is the base of both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from harness.comparison.pair import Pairing, PairResult, Side
from harness.records.series import Series
from harness.stats.trials import interval_over_trials, median

REPEATS = 3
"""Largest number of repetitions, per series, of pairs that were disturbed throughout."""


@dataclasses.dataclass(frozen=True)
class CostRatio:
    """A latency divided by that of the exported graph."""

    median: float | None
    """Median over the pairs; None if there is none."""
    low: float | None = None
    """Lower end of the 95 % interval, as `high` is the upper one; None for fewer than two pairs."""
    high: float | None = None
    pairs_count: int = 0
    """0 if the two are the same file, whose ratio is 1."""
    disturbed_count: int = 0
    """Number of pairs that others disturbed throughout, when no repetition was left."""
    native_ms: float | None = None
    """Median latency of the exported graph in these pairs."""
    reason: str = ""
    """Why there is no ratio."""

    @classmethod
    def of(cls, results: Sequence[PairResult]) -> CostRatio:
        """The ratio of a series from its pairs."""
        failed = next((one for one in results if one.status != "ok"), None)
        logs = [one.log_ratio for one in results if one.log_ratio is not None]
        if failed is not None or not logs:
            return cls(None, reason=f"{failed.status}: {failed.reason}" if failed else "no pair was measured")
        ratios = np.exp(logs)
        return cls(
            median(ratios),
            *interval_over_trials(ratios),
            pairs_count=len(logs),
            disturbed_count=sum(one.contaminated for one in results),
            native_ms=median([one.base_median_ms for one in results if one.base_median_ms is not None]),
        )


SAME_FILE = CostRatio(1.0)
"""Where nothing is fused, the two graphs are one file."""


@dataclasses.dataclass(frozen=True)
class Converted:
    """A model with both of its graphs, or why it has not."""

    native: Series
    fused: Series
    rules: Mapping[str, int]
    """Number of matches of each rule; empty if nothing is fused."""
    framework: str
    """Backend of the framework that it is exported from; empty if it is not measured."""

    @property
    def is_changed(self) -> bool:
        """Whether the fused graph is another one."""
        return self.native.artifact_sha256 != self.fused.artifact_sha256

    def fused_pairing(self) -> Pairing | None:
        """The fused graph beside the exported one; None if one is missing, or nothing is fused."""
        if "" in (self.native.artifact_path, self.fused.artifact_path) or not self.is_changed:
            return None
        return Pairing(self.native.model, self.native.batch, _side(self.native), _side(self.fused))

    def framework_pairing(self) -> Pairing | None:
        """The network in its framework beside the exported graph; None if one is missing."""
        if not (self.native.artifact_path and self.framework):
            return None
        native = _side(self.native)
        return Pairing(
            self.native.model, self.native.batch, native, dataclasses.replace(native, backend=self.framework)
        )


def _side(series: Series) -> Side:
    return Side(series.artifact_path, series.artifact_sha256, series.precision, graph=series.graph)


@dataclasses.dataclass(frozen=True)
class Cost:
    """What the conversion of one model costs; latencies are None where they were not measured."""

    converted: Converted
    fused: CostRatio | None
    framework: CostRatio | None
    measured_as: str = ""
    """Model whose pairs these are, since both have the same artifacts; empty if its own were measured."""

    @property
    def native_ms(self) -> float | None:
        """Latency of the exported graph: that of the fused pairs, or, where nothing is fused, of the framework's."""
        known = (one.native_ms for one in (self.fused, self.framework) if one is not None)
        return next((time_ms for time_ms in known if time_ms is not None), None)

    @property
    def failures(self) -> str:
        """Why something is missing; empty if nothing is."""
        native, fused = self.converted.native, self.converted.fused
        texts = [f"{one.graph} graph: {one.status}: {one.reason}" for one in (native, fused) if one.status != "ok"]
        texts += [one.reason for one in (self.fused, self.framework) if one is not None and one.reason]
        return "; ".join(dict.fromkeys(texts))


def costs_of(
    models: Iterable[Converted],
    fused: Mapping[Pairing, list[PairResult]],
    framework: Mapping[Pairing, list[PairResult]],
    shared: Mapping[Pairing, Pairing],
) -> list[Cost]:
    """The cost of each model.

    Args:
        models: the models.
        fused: pairs of the fused graphs, by the pairing that was measured.
        framework: pairs of the frameworks; empty if they are not measured.
        shared: by pairing, the one that was measured for it (`shared_pairings.measured_as`).
    """
    return [_cost(one, fused, framework, shared) for one in models]


def _cost(
    one: Converted,
    fused: Mapping[Pairing, list[PairResult]],
    framework: Mapping[Pairing, list[PairResult]],
    shared: Mapping[Pairing, Pairing],
) -> Cost:
    pairings = [(one.fused_pairing(), fused), (one.framework_pairing(), framework)]
    measured = [(shared[pairing], results) for pairing, results in pairings if pairing is not None]
    ratios = [
        CostRatio.of(results[shared[pairing]]) if pairing is not None and shared[pairing] in results else None
        for pairing, results in pairings
    ]
    if ratios[0] is None and one.fused.artifact_path and not one.is_changed:
        ratios[0] = SAME_FILE
    owner = next((pairing.model for pairing, _ in measured), one.native.model)
    return Cost(one, ratios[0], ratios[1], "" if owner == one.native.model else owner)
