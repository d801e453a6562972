"""The runs of one series over time, in pieces that may be compared."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from foundation.selection import Selectable, SelectionError, select
from harness.artifacts.suites import with_suites
from harness.errors import HistoryError
from harness.history.change_points import ChangePoint, ChangeRules, change_points
from harness.history.store import HistoryStore, StoredRun, StoredSeries
from harness.records.reader import SeriesKey
from harness.records.run_info import differing_facts
from harness.stats.trials import interval_over_trials, median

Figure = Literal["ratio", "latency"]


@dataclasses.dataclass(frozen=True)
class Point:
    """One run of a series."""

    measured_at: str
    """ISO 8601, UTC."""
    label: str
    status: str
    reason: str
    runtime: str
    artifact_sha256: str
    trials_count: int = 0
    latency_ms: float | None = None
    """Median over the trials, like the figures below; None if the status is not `ok`."""
    ratio: float | None = None
    ratio_low: float | None = None
    """Ends of the 95 % interval; None for a single trial."""
    ratio_high: float | None = None
    measured_as: str = ""
    """Model whose trials these are; empty if they are its own."""


@dataclasses.dataclass(frozen=True)
class Era:
    """The runs of a series in one environment, measured in one way. Runs of different eras are never compared."""

    environment_id: str
    device: str
    differences: tuple[str, ...]
    """What differs from the era before; empty for the first."""
    points: tuple[Point, ...]
    """Oldest first."""
    figure: Figure
    """Where changes are looked for: in the latency if a run has no ratio to the reference network."""
    changes: tuple[ChangePoint, ...]
    """Their positions count the points whose status is `ok`."""

    @property
    def ok(self) -> list[Point]:
        """The points that have figures."""
        return [point for point in self.points if point.latency_ms is not None]

    def changes_by_point(self) -> dict[int, ChangePoint]:
        """The changes by the index in `points` of the first run on the new level."""
        measured = [index for index, point in enumerate(self.points) if point.latency_ms is not None]
        return {measured[change.position]: change for change in self.changes}

    def levels(self) -> list[tuple[list[Point], float]]:
        """The runs between changes, with the median of their figure."""
        edges = [0, *(change.position for change in self.changes), len(self.ok)]
        segments = [self.ok[first:last] for first, last in pairwise(edges) if first < last]
        return [(segment, median([self.value(point) for point in segment])) for segment in segments]

    def value(self, point: Point) -> float:
        """The figure of a run whose status is `ok`."""
        value = point.ratio if self.figure == "ratio" else point.latency_ms
        if value is None:
            raise ValueError(f"the run of {point.measured_at} has no {self.figure}")
        return value


@dataclasses.dataclass(frozen=True)
class Timeline:
    """A series over all its eras."""

    key: SeriesKey
    eras: tuple[Era, ...]
    """In the order of their first runs."""


def timelines(
    store: HistoryStore, patterns: Sequence[str], rules: ChangeRules, *, last: int | None = None
) -> list[Timeline]:
    """The series of the models that any pattern selects.

    Args:
        store: the history.
        patterns: names, globs, sources or suites (`foundation.selection`).
        rules: what counts as a change.
        last: number of newest runs of an era to consider; all if None.

    Raises:
        HistoryError: a pattern selects nothing in the store.
    """
    runs = {run.run_id: run for run in store.runs()}
    found = []
    for model in matching(store.models(), patterns):
        rows: dict[SeriesKey, list[tuple[StoredRun, StoredSeries]]] = {}
        for run_id, series in store.series(model):
            rows.setdefault(series.key, []).append((runs[run_id], series))
        found += [Timeline(key, _eras(members, rules, last)) for key, members in rows.items()]
    return found


def matching(models: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The models that any pattern selects, each once, in their order.

    Raises:
        HistoryError: a pattern selects none; the message offers the nearest names.
    """
    candidates = with_suites([Selectable(model) for model in models], patterns)
    try:
        return select(patterns, candidates, place="in this history", advice="`history list` shows its runs")
    except SelectionError as error:
        raise HistoryError(str(error)) from error


def _eras(members: Sequence[tuple[StoredRun, StoredSeries]], rules: ChangeRules, last: int | None) -> tuple[Era, ...]:
    """The eras of one series, whose rows are in order of time."""
    pieces: dict[tuple[str, str, str], list[tuple[StoredRun, StoredSeries]]] = {}
    for run, series in members:
        pieces.setdefault((run.environment_id, run.conditions, series.held), []).append((run, series))
    eras: list[Era] = []
    before: tuple[StoredRun, StoredSeries] | None = None
    for piece in pieces.values():
        newest = piece[-1]
        differences = () if before is None else _differences(before, newest)
        eras.append(_era(newest[0], differences, piece if last is None else piece[-last:], rules))
        before = newest
    return tuple(eras)


def _differences(before: tuple[StoredRun, StoredSeries], now: tuple[StoredRun, StoredSeries]) -> tuple[str, ...]:
    """What differs between two eras, in words, from the newest run of each."""
    (run_before, series_before), (run_now, series_now) = before, now
    held = [{"inputs": one.inputs, "inputs_sha256": one.inputs_sha256} for one in (series_before, series_now)]
    facts = [
        *differing_facts(run_before.environment, run_now.environment),
        *differing_facts(json.loads(run_before.conditions), json.loads(run_now.conditions)),
        *differing_facts(*held),
    ]
    return tuple(f"{name} was {stored}, is {new}" for name, stored, new in facts)


def _era(
    run: StoredRun, differences: tuple[str, ...], piece: Sequence[tuple[StoredRun, StoredSeries]], rules: ChangeRules
) -> Era:
    points = tuple(_point(member, series) for member, series in piece)
    without = any(point.latency_ms is not None and point.ratio is None for point in points)
    era = Era(run.environment_id, run.device, differences, points, "latency" if without else "ratio", ())
    logs = [math.log(era.value(point)) for point in era.ok]
    return dataclasses.replace(era, changes=tuple(change_points(logs, rules)))


def _point(run: StoredRun, series: StoredSeries) -> Point:
    point = Point(series.measured_at, run.label, series.status, series.reason, series.runtime, series.artifact_sha256)
    if series.status != "ok":
        return point
    low, high = interval_over_trials(series.ratios)
    return dataclasses.replace(
        point,
        trials_count=len(series.latencies_ms),
        latency_ms=median(series.latencies_ms),
        ratio=median(series.ratios) if series.ratios else None,
        ratio_low=low,
        ratio_high=high,
        measured_as=series.measured_as,
    )
