"""Whether networks that were searched for one device are on the frontier of another, as arXiv 2205.00841 asks."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping
from typing import TYPE_CHECKING

from reports.groups import Group, ranked
from reports.pareto import excess_percent
from reports.ranks import Configuration, configurations
from reports.training import Training

if TYPE_CHECKING:
    import pandas

    from harness.records.series import Series


@dataclasses.dataclass(frozen=True)
class SearchedGroup:
    """The networks that a release searched for one target, among all networks of one configuration."""

    target: str
    """Device in the release's words, or `FLOPs`; empty for the networks of which no release names one."""
    source: str
    """Empty for the networks without a target."""
    measured: Configuration
    networks: int
    """Networks that can be on the frontier: of comparable accuracy and training data."""
    on_frontier: tuple[str, ...]
    """Those that are on it, fastest first."""
    excess_percent: float | None
    """Median over the others of how much slower each is than the fastest network that is at least as accurate; None if
    there is no other."""


def searched_groups(rows: pandas.DataFrame, stated: Mapping[str, Series], training: Training) -> list[SearchedGroup]:
    """The groups of every configuration that measured a network with a target; those without a target come last.

    A model with several artifacts in one configuration counts by its fastest, and the frontier is among those.

    Args:
        rows: rows of results.csv, of one or more runs.
        stated: what the releases state, by model (`reports.runs.Runs.stated`).
        training: the networks that the frontier is among.
    """
    groups = []
    for configuration, members in configurations(rows):
        place = (configuration.environment_id, configuration.latency_kind, configuration.batch)
        found = _groups(configuration, Group(*place, ranked(members, training), training).contenders, stated)
        if any(group.target for group in found):
            groups += found
    return groups


def _groups(
    configuration: Configuration, contenders: pandas.DataFrame, stated: Mapping[str, Series]
) -> list[SearchedGroup]:
    excess = excess_percent(contenders["latency_median_ms"].to_list(), contenders["accuracy_percent"].to_list())
    members: dict[tuple[str, str], list[tuple[str, bool, float]]] = {}
    for model, on_frontier, above in zip(contenders["model"], contenders["frontier"], excess, strict=True):
        series = stated.get(model)
        key = (series.searched_for, series.source) if series and series.searched_for else ("", "")
        members.setdefault(key, []).append((model, bool(on_frontier), above))
    return [
        SearchedGroup(
            target,
            source,
            configuration,
            networks=len(members[target, source]),
            on_frontier=tuple(model for model, on_frontier, _ in members[target, source] if on_frontier),
            excess_percent=_median([above for _, on_frontier, above in members[target, source] if not on_frontier]),
        )
        for target, source in sorted(members, key=lambda key: (key[0] == "", key[1], key[0]))
    ]


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None
