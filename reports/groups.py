"""Rows that may be ranked against each other, with the accuracy to rank them by and their frontier."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reports.pareto import pareto_frontier

if TYPE_CHECKING:
    import pandas

_MEASURED = "accuracy_measured_top1_percent"
_PUBLISHED = "accuracy_published_top1_percent"


@dataclasses.dataclass(frozen=True)
class Group:
    """Rows of one environment, one kind of latency and one batch size.

    `rows` are the ok rows, fastest first, with three additional columns: `accuracy_percent` (top-1,
    measured if there is one, else published, else NaN), `accuracy_kind` (`measured`, `published` or empty) and
    `frontier` (bool).
    """

    environment_id: str
    latency_kind: str
    batch: int
    rows: pandas.DataFrame

    @property
    def classes(self) -> int | None:
        """Number of classes of the rows that define the frontier; None if no row has an accuracy."""
        return _usual_classes(self.rows)

    @property
    def comparable(self) -> pandas.DataFrame:
        """The rows that define the frontier: those with an accuracy on the usual number of classes."""
        return _comparable(self.rows)

    @property
    def accuracy_kinds(self) -> set[str]:
        """Kinds of accuracy that the frontier uses."""
        return set(self.comparable["accuracy_kind"])


def grouped(rows: pandas.DataFrame) -> list[Group]:
    """The ok rows of results.csv in groups that may be ranked, in order of first appearance."""
    ok = rows[rows["status"] == "ok"]
    by = ["environment_id", "latency_kind", "batch"]
    groups = []
    for _, members in ok.groupby(by, sort=False):
        environment_id, latency_kind, batch = members[by].iloc[0]
        groups.append(Group(environment_id, latency_kind, int(batch), ranked(members)))
    return groups


def ranked(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Ok rows that may be ranked, fastest first, with the columns that `Group` describes."""
    measured = rows[_MEASURED].notna()
    published = rows[_PUBLISHED].notna() & ~measured
    kind = measured.map({True: "measured", False: ""}).where(~published, "published")
    by_latency = rows.assign(
        accuracy_percent=rows[_MEASURED].fillna(rows[_PUBLISHED]), accuracy_kind=kind, frontier=False
    ).sort_values(["latency_median_ms", "model"], ignore_index=True)
    comparable = _comparable(by_latency)
    best = pareto_frontier(comparable["latency_median_ms"].to_list(), comparable["accuracy_percent"].to_list())
    by_latency.loc[comparable.index[best], "frontier"] = True
    return by_latency


def _comparable(ranked: pandas.DataFrame) -> pandas.DataFrame:
    # An accuracy on ten classes is not comparable with one on a thousand. No accuracy, no classes to match.
    usual = ranked["classes"].eq(_usual_classes(ranked) or 0).fillna(False)
    return ranked[ranked["accuracy_percent"].notna() & usual]


def _usual_classes(ranked: pandas.DataFrame) -> int | None:
    counts = ranked.loc[ranked["accuracy_percent"].notna(), "classes"].value_counts()
    return None if counts.empty else int(str(counts.index[0]))
