"""How the order of the models changes from one environment to another (figure 7 of arXiv 2205.00841).

Runtimes that one run measured side by side are environments too; their trials are paired by round.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.stats.trials import interval_over_trials, median
from reports.groups import RANKED_BY, frontiers, ranked
from reports.training import Training

if TYPE_CHECKING:
    import pandas

_CONFIGURATION = ["environment_id", "latency_kind", "backend", "graph", "precision", "batch"]
_COLUMNS = [*_CONFIGURATION, *RANKED_BY, "latency_trials_ms", "measured_as", "run_seed", "device"]
LEAST_MODELS = 3
"""Models of which an order is compared: two have one by chance alone."""


@dataclasses.dataclass(frozen=True)
class Configuration:
    """The conditions in which a set of comparable latencies was measured."""

    environment_id: str
    latency_kind: str
    backend: str
    graph: str
    precision: str
    batch: int

    @property
    def form(self) -> tuple[str, str]:
        """What was made of the networks."""
        return self.graph, self.precision


@dataclasses.dataclass(frozen=True)
class Rank:
    """One model in two configurations; ranks count from 1, the fastest, among the common models."""

    model: str
    first: int
    second: int
    first_ms: float
    second_ms: float
    first_frontiers: tuple[Training, ...]
    """On which frontiers of the common models it is, as are `second_frontiers`."""
    second_frontiers: tuple[Training, ...]
    ratio: float | None
    """Latency on the second divided by that on the first: the median over the rounds in which both were measured; None
    unless one run measured both side by side."""
    ratio_low: float | None
    """Lower end of its 95 % interval over these rounds, as `ratio_high` is the upper one; None for one round."""
    ratio_high: float | None


@dataclasses.dataclass(frozen=True)
class RankChange:
    """The common models of two configurations of the same batch size in different environments."""

    first: Configuration
    second: Configuration
    kendall_tau: float | None
    """Kendall's tau-b of the latencies: 1 if both have the same order, -1 if it is reversed; None if all
    latencies of one are equal. Models that share their trials in both count once."""
    ranks: list[Rank]
    """Ranks in order of the first configuration."""
    mean_ratio: float | None
    """Geometric mean of the ratios; None unless one run measured both side by side. Models that share their trials
    count once, as for Kendall's tau."""


def rank_changes(rows: pandas.DataFrame) -> list[RankChange]:
    """Every pair of configurations of different environments with at least three models in common.

    A model with several artifacts in one configuration counts by its fastest. Configurations of different graphs
    or precisions are compared only if one of the environments lacks one of the two.

    Args:
        rows: rows of results.csv, of one or more runs.
    """
    found = configurations(rows)
    forms: dict[str, set[tuple[str, str]]] = {}
    for one, _ in found:
        forms.setdefault(one.environment_id, set()).add(one.form)
    models = {one: frozenset(members["model"]) for one, members in found}
    # Twenty environments make 190 pairs, mostly of the same models.
    places: dict[tuple[Configuration, frozenset[str]], dict[str, _Place]] = {}
    changes = []
    for pair in itertools.combinations(found, 2):
        (first, _), (second, _) = pair
        if first.environment_id == second.environment_id or first.batch != second.batch:
            continue
        both = forms[first.environment_id] & forms[second.environment_id]
        if first.form != second.form and {first.form, second.form} <= both:
            continue
        common = models[first] & models[second]
        if len(common) < LEAST_MODELS:
            continue
        for one, members in pair:
            if (one, common) not in places:
                places[one, common] = _places(members, common)
        changes.append(_change(first, second, places[first, common], places[second, common]))
    return changes


def configurations(rows: pandas.DataFrame) -> list[tuple[Configuration, pandas.DataFrame]]:
    """The conditions of the ok rows, each with its models, fastest first, and each model with its fastest artifact.

    Args:
        rows: rows of results.csv, of one or more runs.

    Returns:
        Each condition and the columns of its rows that a rank depends on or is shown with.
    """
    found = []
    # Pandas takes rows column by column, and most of results.csv's columns are not of interest here.
    ok = rows.loc[rows["status"] == "ok", _COLUMNS]
    for _, members in ok.groupby(_CONFIGURATION, sort=False):
        environment_id, kind, backend, graph, precision, batch = members[_CONFIGURATION].iloc[0]
        configuration = Configuration(environment_id, kind, backend, graph, precision, int(batch))
        found.append((configuration, ranked(members).drop_duplicates("model")))
    return found


@dataclasses.dataclass(frozen=True)
class _Place:
    """One model in one configuration, among the common models."""

    rank: int
    latency_ms: float
    frontiers: tuple[Training, ...]
    has_own_trials: bool
    """False for a model that shows another's trials, but true for a fused graph that shows those of its own model."""
    run: tuple[float, str] | None
    """Seed and device of the run that measured it; None if the run is not known."""
    trials_ms: tuple[float, ...]


def _places(rows: pandas.DataFrame, models: Collection[str]) -> dict[str, _Place]:
    """The places of `models` among themselves, fastest first."""
    members = ranked(rows[rows["model"].isin(models)])
    rank = members["latency_median_ms"].rank(method="min").astype(int)
    has_own_trials = (members["measured_as"] == "") | (members["measured_as"] == members["model"])
    seeds = members["run_seed"].astype(object).where(members["run_seed"].notna(), None)
    return {
        str(model): _Place(
            place, latency_ms, on, own, None if seed is None else (seed, device), tuple(map(float, trials.split()))
        )
        for model, place, latency_ms, on, own, seed, device, trials in zip(
            members["model"],
            rank,
            members["latency_median_ms"],
            frontiers(members),
            has_own_trials,
            seeds,
            members["device"],
            members["latency_trials_ms"],
            strict=True,
        )
    }


def _change(
    first: Configuration, second: Configuration, before: Mapping[str, _Place], after: Mapping[str, _Place]
) -> RankChange:
    pairs = {model: (one, after[model]) for model, one in before.items()}
    counted = [pair for pair in pairs.values() if any(one.has_own_trials for one in pair)]
    tau = kendall_tau(*([pair[side].latency_ms for pair in counted] for side in (0, 1)))
    ratios = {model: _ratio(*pair) for model, pair in pairs.items()}
    ranks = [
        Rank(
            model, one.rank, other.rank, one.latency_ms, other.latency_ms, one.frontiers, other.frontiers,
            *ratios[model],
        )
        for model, (one, other) in pairs.items()
    ]  # fmt: skip
    known = [
        ratio
        for model, (ratio, _, _) in ratios.items()
        if ratio is not None and any(one.has_own_trials for one in pairs[model])
    ]
    mean = math.exp(sum(map(math.log, known)) / len(known)) if known else None
    return RankChange(first, second, tau, ranks, mean)


def _ratio(first: _Place, second: _Place) -> tuple[float | None, float | None, float | None]:
    """The ratio of two latencies with its interval; Nones unless one run measured both side by side.

    Trials are paired by round, so that a slow phase of the machine counts in both. A trial that failed is the last of
    its series, so the rounds of the others are the first ones.
    """
    if first.run is None or first.run != second.run:
        return None, None, None
    ratios = [after / before for before, after in zip(first.trials_ms, second.trials_ms, strict=False)]
    return (median(ratios), *interval_over_trials(ratios)) if ratios else (None, None, None)


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Kendall's tau-b of two rankings of the same things; None if all values of one are equal.

    Kendall, "The treatment of ties in ranking problems", Biometrika 33 (1945). Every pair is compared, which is
    quick enough for some hundred models; SciPy has the same, but a machine that only measures should not need it.
    """
    import numpy

    signs = [
        numpy.sign(numpy.subtract.outer(values, values)) for values in (numpy.asarray(first), numpy.asarray(second))
    ]
    untied = [float(numpy.square(sign).sum()) for sign in signs]
    return float((signs[0] * signs[1]).sum()) / math.sqrt(untied[0] * untied[1]) if all(untied) else None
