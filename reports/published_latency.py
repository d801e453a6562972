"""The order of the models in a release's table of latencies beside their order here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from foundation.published_latency import PublishedLatency
from reports.ranks import LEAST_MODELS, Configuration, configurations, kendall_tau

if TYPE_CHECKING:
    import pandas

    from harness.records.series import Series


@dataclasses.dataclass(frozen=True)
class Place:
    """One model of a table; ranks count from 1, the fastest, among the models of both; equal figures share the mean."""

    model: str
    published_ms: float
    measured_ms: float
    published_rank: float
    measured_rank: float

    @property
    def moved(self) -> float:
        """Ranks that it is behind its published place; negative if it is ahead."""
        return self.measured_rank - self.published_rank


@dataclasses.dataclass(frozen=True)
class PublishedComparison:
    """Figures of one release under the same conditions, and what was measured here under the same conditions."""

    source: str
    published_on: str
    """Device, runtime, precision and batch, as far as the release states them."""
    measured: Configuration
    kendall_tau: float | None
    """Kendall's tau-b of the latencies; None of fewer than three models, or if all figures of one side are equal."""
    places: list[Place]
    """Fastest published first."""

    @property
    def most_moved(self) -> Place | None:
        """The model that is furthest from its published place; None if each is within a rank of it."""
        furthest = max(self.places, key=lambda place: abs(place.moved))
        return furthest if abs(furthest.moved) >= 1 else None


def published_comparisons(rows: pandas.DataFrame, stated: Mapping[str, Series]) -> list[PublishedComparison]:
    """Every table of published latencies against every configuration that measured one of its models.

    A model with several artifacts in one configuration counts by its fastest.

    Args:
        rows: rows of results.csv, of one or more runs.
        stated: what the releases state, by model (`reports.runs.Runs.stated`).
    """
    tables: dict[tuple[str, str], dict[str, PublishedLatency]] = {}
    for model, series in stated.items():
        for one in series.latencies_published:
            tables.setdefault((series.source, one.conditions), {})[model] = one
    found = []
    for configuration, members in configurations(rows):
        measured_ms = dict(zip(members["model"], members["latency_median_ms"], strict=True))
        for (source, published_on), figures in sorted(tables.items()):
            published_ms = {model: one.latency_ms for model, one in figures.items() if model in measured_ms}
            if published_ms:
                places = _places(published_ms, measured_ms)
                found.append(PublishedComparison(source, published_on, configuration, _tau(places), places))
    return found


def _places(published_ms: Mapping[str, float], measured_ms: Mapping[str, float]) -> list[Place]:
    models = sorted(published_ms, key=lambda model: (published_ms[model], measured_ms[model], model))
    sides = [[side[model] for model in models] for side in (published_ms, measured_ms)]
    return [Place(*facts) for facts in zip(models, *sides, *map(mean_ranks, sides), strict=True)]


def _tau(places: Sequence[Place]) -> float | None:
    if len(places) < LEAST_MODELS:
        return None
    return kendall_tau([place.published_ms for place in places], [place.measured_ms for place in places])


def mean_ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value, from 1, the smallest; equal values share the mean of their ranks."""
    return [
        1 + sum(other < value for other in values) + (sum(other == value for other in values) - 1) / 2
        for value in values
    ]
