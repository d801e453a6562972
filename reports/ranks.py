"""How the order of the models changes from one environment to another (figure 7 of arXiv 2205.00841)."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.groups import frontiers, ranked
from reports.training import Training

if TYPE_CHECKING:
    import pandas

_CONFIGURATION = ["environment_id", "latency_kind", "backend", "precision", "batch"]
LEAST_MODELS = 3
"""Models of which an order is compared: two have one by chance alone."""


@dataclasses.dataclass(frozen=True)
class Configuration:
    """The conditions in which a set of comparable latencies was measured."""

    environment_id: str
    latency_kind: str
    backend: str
    precision: str
    batch: int


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


def rank_changes(rows: pandas.DataFrame) -> list[RankChange]:
    """Every pair of configurations of different environments with at least three models in common.

    A model with several artifacts in one configuration counts by its fastest.

    Args:
        rows: rows of results.csv, of one or more runs.
    """
    changes = []
    for (first, first_rows), (second, second_rows) in itertools.combinations(configurations(rows), 2):
        if first.environment_id == second.environment_id or first.batch != second.batch:
            continue
        common = set(first_rows["model"]) & set(second_rows["model"])
        if len(common) >= LEAST_MODELS:
            changes.append(_change(first, second, _only(first_rows, common), _only(second_rows, common)))
    return changes


def configurations(rows: pandas.DataFrame) -> list[tuple[Configuration, pandas.DataFrame]]:
    """The conditions of the ok rows, each with its models, fastest first, and each model with its fastest artifact.

    Args:
        rows: rows of results.csv, of one or more runs.
    """
    found = []
    for _, members in rows[rows["status"] == "ok"].groupby(_CONFIGURATION, sort=False):
        environment_id, latency_kind, backend, precision, batch = members[_CONFIGURATION].iloc[0]
        configuration = Configuration(environment_id, latency_kind, backend, precision, int(batch))
        found.append((configuration, ranked(members).drop_duplicates("model")))
    return found


def _only(rows: pandas.DataFrame, models: set[str]) -> pandas.DataFrame:
    """The rows of `models`, with ranks and frontiers among them only, by model."""
    import pandas

    members = ranked(rows[rows["model"].isin(models)])
    rank = members["latency_median_ms"].rank(method="min").astype(int)
    return members.assign(rank=rank, frontiers=pandas.Series(frontiers(members))).set_index("model")


def _change(first: Configuration, second: Configuration, a: pandas.DataFrame, b: pandas.DataFrame) -> RankChange:
    b = b.loc[a.index]
    counted = (a["measured_as"] == "") | (b["measured_as"] == "")
    tau = kendall_tau(*(side.loc[counted, "latency_median_ms"].to_list() for side in (a, b)))
    facts = [side[name].to_list() for name in ("rank", "latency_median_ms", "frontiers") for side in (a, b)]
    ranks = [Rank(str(model), *values) for model, *values in zip(a.index, *facts, strict=True)]
    return RankChange(first, second, tau, ranks)


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
