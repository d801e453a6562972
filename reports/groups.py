"""Rows that may be ranked against each other, with the accuracy to rank them by and their frontier."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from reports.pareto import pareto_frontier
from reports.training import ALONE, ANY, TRAININGS, Training, is_other_data, training_data, usual_data

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas

_MEASURED = "accuracy_measured_top1_percent"
_PUBLISHED = "accuracy_published_top1_percent"
RANKED_BY = (
    "model",
    "latency_median_ms",
    _MEASURED,
    _PUBLISHED,
    "accuracy_classes_covered_count",
    "accuracy_published_training_data",
    "classes",
    "weights",
)
"""Columns that `ranked` reads."""
_KEPT_APART = ("graph", "precision")
"""Columns whose values are ranked apart if a model has several."""


@dataclasses.dataclass(frozen=True)
class Group:
    """Rows of one environment, one kind of latency and one batch size, and of one graph and precision if a model has
    several.

    `rows` are the ok rows, fastest first, with additional columns: `accuracy_percent` (top-1, measured if there is
    one, else published, else NaN), `accuracy_kind` (`measured`, `published` or empty), `comparable` (bool: has an
    accuracy on the usual number of classes), `training_data` (behind that accuracy, empty if not known), `other_data`
    (bool: these data are known and not the usual ones alone) and `frontier` (bool).
    """

    environment_id: str
    latency_kind: str
    batch: int
    rows: pandas.DataFrame
    training: Training = ALONE
    """Among which of the comparable rows the frontier is."""
    apart: tuple[str, ...] = ()
    """What distinguishes these rows from another group of the same conditions, as their precision; empty if no model
    has several, and rows of all precisions are ranked together."""

    @functools.cached_property
    def classes(self) -> int | None:
        """Number of classes of the comparable rows; None if no row has an accuracy."""
        return _usual_classes(self.rows)

    @functools.cached_property
    def comparable(self) -> pandas.DataFrame:
        """The rows with an accuracy on the usual number of classes: the points of a picture."""
        return self.rows[self.rows["comparable"]]

    @property
    def contenders(self) -> pandas.DataFrame:
        """The comparable rows among which the frontier is."""
        return self.rows[_contends(self.rows, self.training)]

    @functools.cached_property
    def without_accuracy(self) -> pandas.DataFrame:
        """The rows of which only the latency is known."""
        return self.rows[self.rows["accuracy_percent"].isna()]

    @functools.cached_property
    def drawn(self) -> pandas.DataFrame:
        """The rows of a picture: comparable ones are points, those without an accuracy are ticks."""
        return self.rows[self.rows["comparable"] | self.rows["accuracy_percent"].isna()]

    @property
    def usual_data(self) -> str:
        """The data set that most of the comparable rows learned from; empty if no training data is known."""
        return usual_data(self.comparable["training_data"])

    def among(self, training: Training) -> Group:
        """The same rows with the frontier among other networks."""
        return dataclasses.replace(
            self, rows=self.rows.assign(frontier=_on_frontier(self.rows, training)), training=training
        )


def grouped(rows: pandas.DataFrame, training: Training = ALONE) -> list[Group]:
    """The ok rows of results.csv in groups that may be ranked, in order of first appearance."""
    ok = rows[rows["status"] == "ok"]
    by = ["environment_id", "latency_kind", "batch"]
    groups = []
    for _, members in ok.groupby(by, sort=False):
        environment_id, latency_kind, batch = members[by].iloc[0]
        groups += [
            Group(environment_id, latency_kind, int(batch), ranked(part, training), training, apart)
            for apart, part in _apart(members)
        ]
    return groups


def _apart(rows: pandas.DataFrame) -> list[tuple[tuple[str, ...], pandas.DataFrame]]:
    """The rows of each graph and precision if a model has several, else all of them, with what `Group.apart` says.

    The accuracy that a release states is that of fp32: beside it, the same network in int8 would be as accurate and
    faster, and no network in fp32 on the frontier. A user's int8 file is ranked among the fp32 networks of the zoo.
    """
    several = [name for name in _KEPT_APART if rows.groupby("model")[name].nunique().max() > 1]
    if not several:
        return [((), rows)]
    return [(tuple(map(str, part[several].iloc[0])), part) for _, part in rows.groupby(several, sort=False)]


def ranked(rows: pandas.DataFrame, training: Training = ALONE) -> pandas.DataFrame:
    """Ok rows that may be ranked, fastest first, with the columns that `Group` describes."""
    measured = rows[_MEASURED].notna()
    published = rows[_PUBLISHED].notna() & ~measured
    kind = measured.map({True: "measured", False: ""}).where(~published, "published")
    by_latency = rows.assign(
        accuracy_percent=rows[_MEASURED].fillna(rows[_PUBLISHED]),
        accuracy_kind=kind,
        training_data=training_data(rows, kind),
    ).sort_values(["latency_median_ms", "model"], ignore_index=True)
    # An accuracy on ten classes is not comparable with one on a thousand. No accuracy, no classes to match.
    usual_classes = _classes(by_latency).eq(_usual_classes(by_latency) or 0).fillna(False)
    comparable = by_latency["accuracy_percent"].notna() & usual_classes.astype(bool)
    data = by_latency["training_data"]
    known = by_latency.assign(comparable=comparable, other_data=is_other_data(data, usual_data(data[comparable])))
    return known.assign(frontier=_on_frontier(known, training))


def frontiers(ranked: pandas.DataFrame) -> list[tuple[Training, ...]]:
    """For each of the rows that `ranked` returns: on which of the frontiers it is."""
    on = {training: _on_frontier(ranked, training) for training in TRAININGS}
    return [tuple(training for training in TRAININGS if on[training][place]) for place in range(len(ranked))]


def _on_frontier(ranked: pandas.DataFrame, training: Training) -> npt.NDArray[np.bool_]:
    contenders = ranked.loc[_contends(ranked, training), ["latency_median_ms", "accuracy_percent"]]
    best = pareto_frontier(contenders["latency_median_ms"].to_list(), contenders["accuracy_percent"].to_list())
    return ranked.index.isin(contenders.index[best])


def _contends(ranked: pandas.DataFrame, training: Training) -> pandas.Series[bool]:
    return ranked["comparable"] if training == ANY else ranked["comparable"] & ~ranked["other_data"]


def _usual_classes(ranked: pandas.DataFrame) -> int | None:
    counts = _classes(ranked)[ranked["accuracy_percent"].notna()].value_counts()
    return None if counts.empty else int(str(counts.index[0]))


def _classes(ranked: pandas.DataFrame) -> pandas.Series[int]:
    """Number of classes behind each row's accuracy: those that the images of a measured one have."""
    covered = ranked["accuracy_classes_covered_count"].where(ranked["accuracy_kind"] == "measured")
    return covered.fillna(ranked["classes"])
