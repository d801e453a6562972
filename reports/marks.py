"""The points of a picture: filled, pale where dominated, hollow where other data were learned from."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

# Student's interval of two trials is 13 standard deviations wide: drawn, it would hide everything else.
_LEAST_TRIALS = 3

HOLLOW = "white"
"""Filled with paper, so that a line or point below does not fill it."""

_SIZE = {False: 16.0, True: 30.0}
"""Area in square points, larger on the frontier."""

_COLUMNS = [
    "latency_median_ms",
    "latency_low_ms",
    "latency_high_ms",
    "accuracy_percent",
    "accuracy_measured_top1_low_percent",
    "accuracy_measured_top1_high_percent",
    "trials_count",
    "frontier",
    "other_data",
]


def draw_points(axes: Axes, rows: pandas.DataFrame, colour: str, marker: str) -> None:
    """Draws rows of one source with their intervals.

    Args:
        axes: where to draw.
        rows: comparable rows of a `reports.groups.Group`.
        colour: of the source.
        marker: of the source, a letter of matplotlib's.
    """
    # Rows of few columns are taken several times faster.
    rows = rows[_COLUMNS]
    _draw_intervals(axes, rows, colour)
    for on_frontier, hollow in itertools.product((False, True), repeat=2):
        members = rows[(rows["frontier"] == on_frontier) & (rows["other_data"] == hollow)]
        if members.empty:
            continue
        paint = _hollow(colour, on_frontier) if hollow else _solid(colour, on_frontier)
        above = 4 if on_frontier else 3
        axes.scatter(*_columns(members), s=_SIZE[on_frontier], marker=marker, zorder=above, **paint)


def _solid(colour: str, on_frontier: bool) -> dict[str, Any]:
    edge = "black" if on_frontier else "none"
    return {"color": colour, "alpha": 1.0 if on_frontier else 0.55, "linewidths": 0.6, "edgecolors": edge}


def _hollow(colour: str, on_frontier: bool) -> dict[str, Any]:
    return {"facecolors": HOLLOW, "edgecolors": colour, "linewidths": 1.5 if on_frontier else 0.9}


def points_of(rows: pandas.DataFrame) -> list[tuple[float, float]]:
    """Latency in milliseconds and accuracy in percent of each row."""
    return list(zip(*_columns(rows), strict=True))


def _columns(rows: pandas.DataFrame) -> tuple[pandas.Series[float], pandas.Series[float]]:
    return rows["latency_median_ms"], rows["accuracy_percent"]


def _draw_intervals(axes: Axes, rows: pandas.DataFrame, colour: str) -> None:
    latency_ms, accuracy_percent = _columns(rows)
    telling = rows["trials_count"] >= _LEAST_TRIALS
    axes.errorbar(
        latency_ms,
        accuracy_percent,
        xerr=_whiskers(latency_ms, rows["latency_low_ms"].where(telling), rows["latency_high_ms"].where(telling)),
        yerr=_whiskers(
            accuracy_percent,
            rows["accuracy_measured_top1_low_percent"],
            rows["accuracy_measured_top1_high_percent"],
        ),
        fmt="none", ecolor=colour, elinewidth=0.8, alpha=0.6, zorder=2,
    )  # fmt: skip


def _whiskers(centre: pandas.Series[float], low: pandas.Series[float], high: pandas.Series[float]) -> Any:
    """Distances down and up, 2 x N; zero if there is no interval."""
    import numpy

    return numpy.nan_to_num(numpy.stack([centre - low, high - centre])).clip(min=0.0)
