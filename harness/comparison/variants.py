"""Two variants of one model on the same images: how much they differ, and whether that may be chance."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from foundation.vocabulary import NATIVE, RELEASE
from harness.accuracy.predictions import PredictionTable, read_predictions
from harness.comparison.base import base_order
from harness.comparison.conditions import PREPROCESSING, Condition, differing_conditions
from harness.errors import AccuracyError
from harness.records.accuracy_journal import ACCURACY_NAME, read_results
from harness.records.accuracy_result import AccuracyResult
from harness.records.directory import SERIES_NAME
from harness.records.series import Series
from harness.stats.multiplicity import holm
from harness.stats.proportions import PairedDifference, paired_difference


@dataclasses.dataclass(frozen=True)
class EvaluatedSeries:
    """A series of a run with a measured accuracy."""

    facts: Series
    result: AccuracyResult
    predictions: Path

    @property
    def variant(self) -> str:
        """What distinguishes it from other series of its model."""
        facts = self.facts
        code = "release's code" if facts.implementation == RELEASE else ""
        computed_in = self.result.computed_in
        precision = f"{facts.precision} (computed in {computed_in})" if computed_in else facts.precision
        graph = "" if facts.graph == NATIVE else facts.graph
        told = [precision, graph, code, facts.exporter, facts.weights, facts.backend, f"batch {facts.batch}"]
        return ", ".join(part for part in told if part)


@dataclasses.dataclass(frozen=True)
class VariantComparison:
    """A model in two variants; `difference` and the figures after it are None if they cannot be compared."""

    model: str
    base: str
    other: str
    conditions: tuple[Condition, ...] = ()
    """What differs, or may differ, besides the network."""
    difference: PairedDifference | None = None
    """Difference in top-1: `other` minus `base`."""
    same_class_percent: float | None = None
    """Share of images for which both predict the same class, right or wrong."""
    adjusted_p: float | None = None
    """The p-value, corrected for all pairs that were compared (Holm)."""
    reason: str = ""
    """Why they cannot be compared."""

    def verdict(self, error_rate: float) -> str:
        """`worse`, `better`, `no difference seen` or `not compared`; the rate is of any false alarm among all pairs."""
        if self.difference is None or self.adjusted_p is None:
            return "not compared"
        if self.adjusted_p > error_rate or self.difference.difference == 0:
            return "no difference seen"
        return "worse" if self.difference.difference < 0 else "better"


def read_evaluated(run_directory: Path) -> list[EvaluatedSeries]:
    """The series of a run that have a measured accuracy, in the order of its rows.

    Raises:
        AccuracyError: this is not a run directory, or nothing was evaluated there.
        StorageError: a file is damaged.
    """
    planned = run_directory / SERIES_NAME
    if not ((run_directory / ACCURACY_NAME).is_file() and planned.is_file()):
        raise AccuracyError(
            f"{run_directory}: no accuracy was measured there. Run: python -m harness accuracy --images DIR --models "
            f"MODELS --output {run_directory}"
        )
    results = read_results(run_directory)
    try:
        series = [Series.from_json(entry) for entry in json.loads(planned.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise AccuracyError(f"{planned} was written by another version, or is damaged ({error!r})") from error
    found = [(facts, results[facts.key]) for facts in series if facts.key in results]
    measured = [
        EvaluatedSeries(facts, result, run_directory / result.predictions) for facts, result in found if result.measured
    ]
    if not measured:
        raise AccuracyError(f"{run_directory}: no series has a measured accuracy; its results.csv says why")
    return measured


def variants_of_one_run(series: Iterable[EvaluatedSeries]) -> list[tuple[EvaluatedSeries, EvaluatedSeries]]:
    """Every two series of one model, the base first (`base_order`)."""
    by_model = _by_model(sorted(series, key=lambda one: base_order(one.facts)))
    return [pair for members in by_model.values() for pair in itertools.combinations(members, 2)]


def variants_of_two_runs(
    base: Iterable[EvaluatedSeries], other: Iterable[EvaluatedSeries]
) -> tuple[list[tuple[EvaluatedSeries, EvaluatedSeries]], list[str]]:
    """Every series of `other` with its counterpart in `base`, which is the first of the pair.

    That is the series of the same backend, graph, precision and batch or, if there is none, the only one of the model.

    Returns:
        The pairs, and a line for each series without a counterpart.
    """
    by_model = _by_model(base)
    pairs, alone = [], []
    for one in other:
        candidates = by_model.get(one.facts.model, [])
        same = [member for member in candidates if _identity(member) == _identity(one)] or candidates
        if len(same) == 1:
            pairs.append((same[0], one))
        elif candidates:
            alone.append(
                f"{one.facts.model} ({one.variant}): the base has {len(same)} series that it could be compared with"
            )
        else:
            alone.append(f"{one.facts.model} ({one.variant}): the base has no measured accuracy for it")
    return pairs, alone


def compare_variants(
    pairs: Sequence[tuple[EvaluatedSeries, EvaluatedSeries]], across_preprocessing: bool = False
) -> list[VariantComparison]:
    """Compares each pair on the images that both could read, and corrects the p-values for all pairs together.

    Args:
        pairs: the pairs, the base first.
        across_preprocessing: whether to compare a pair whose preprocessing differs, too.

    Raises:
        AccuracyError: a file of predictions is missing or damaged.
    """
    found = [_compared(base, other, across_preprocessing) for base, other in pairs]
    compared = [position for position, one in enumerate(found) if one.difference is not None]
    p_values = [one.difference.p_value for one in found if one.difference is not None]
    for position, adjusted in zip(compared, holm(p_values) if p_values else (), strict=True):
        found[position] = dataclasses.replace(found[position], adjusted_p=float(adjusted))
    return found


def _compared(base: EvaluatedSeries, other: EvaluatedSeries, across_preprocessing: bool) -> VariantComparison:
    first, second = read_predictions(base.predictions), read_predictions(other.predictions)
    conditions = differing_conditions(base.result, other.result, first.identity, second.identity)
    named = VariantComparison(base.facts.model, base.variant, other.variant, conditions)
    reason = _differ(first, second)
    if not across_preprocessing and any(condition.name == PREPROCESSING for condition in conditions):
        reason = reason or "the preprocessing differs"
    if reason:
        return dataclasses.replace(named, reason=reason)
    both = first.readable & second.readable
    right_first, right_second = first.right(1)[both], second.right(1)[both]
    difference = paired_difference(
        gained=int((right_second & ~right_first).sum()),
        lost=int((right_first & ~right_second).sum()),
        images=int(both.sum()),
    )
    agreed = float(100 * np.mean(first.top[both, 0] == second.top[both, 0]))
    return dataclasses.replace(named, difference=difference, same_class_percent=agreed)


def _differ(first: PredictionTable, second: PredictionTable) -> str:
    """Why two tables are not of the same images; empty if they are."""
    for name, what in (("images_digest", "names or labels"), ("content_digest", "content")):
        if first.identity.get(name) != second.identity.get(name):
            return f"they were evaluated on different images (other {what})"
    return "" if (first.readable & second.readable).any() else "there is no image that both could read"


def _by_model(series: Iterable[EvaluatedSeries]) -> dict[str, list[EvaluatedSeries]]:
    found: dict[str, list[EvaluatedSeries]] = collections.defaultdict(list)
    for one in series:
        found[one.facts.model].append(one)
    return found


def _identity(one: EvaluatedSeries) -> tuple[str, str, str, int]:
    return one.facts.backend, one.facts.graph, one.facts.precision, one.facts.batch
