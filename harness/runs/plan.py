"""The order of the trials: rounds over every series, each in a random order of its own."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping, Sequence

from harness.processes.trial import TrialResult
from harness.records.series import Series
from harness.stats import trials as trials_module

MIN_TRIALS = 3
"""Trials of a series before its interval may end it early."""


@dataclasses.dataclass(frozen=True)
class PlannedTrial:
    """One trial that is still to be made."""

    series: Series
    round: int


def measurable(series: Sequence[Series]) -> list[Series]:
    """The series that have an artifact."""
    return [facts for facts in series if facts.status == "ok"]


def measured_once(series: Sequence[Series], measured_as: Mapping[str, Series]) -> list[Series]:
    """The series whose trials the rows of a request show, each once.

    Args:
        series: the series of the request that have an artifact.
        measured_as: from the run directory; it may name a series of an earlier session.

    Returns:
        Series with a file of the request: that of an earlier session may be gone, and this one has the same content.
    """
    found: dict[str, Series] = {}
    for one in series:
        owner = measured_as[one.key]
        if owner.key not in found or owner.key == one.key:
            found[owner.key] = dataclasses.replace(owner, artifact_path=one.artifact_path)
    return list(found.values())


def round_order(series: Sequence[Series], seed: int, round_: int) -> list[Series]:
    """The series in the random order of one round: the same again after an interruption."""
    ordered = sorted(series, key=lambda facts: facts.key)
    random.Random(f"{seed}-{round_}").shuffle(ordered)
    return ordered


def trials_of_round(
    series: Sequence[Series], done: Mapping[str, set[int]], seed: int, round_: int
) -> Iterator[PlannedTrial]:
    """The trials of a round that have not been made."""
    for facts in round_order(series, seed, round_):
        if round_ not in done.get(facts.key, set()):
            yield PlannedTrial(facts, round_)


def settled(trials: Sequence[TrialResult], half_width_percent: float) -> bool:
    """Whether further rounds would add nothing about a series.

    That is so if its ratio's interval is narrow enough, or if its last trial failed: the next one would fail in
    the same way.
    """
    if trials and trials[-1].status != "ok":
        return True
    ratios = [trial.ratio for trial in trials if trial.ratio is not None]
    return trials_module.narrow_enough(ratios, half_width_percent, MIN_TRIALS)
