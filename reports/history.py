"""The picture of a history: each series over time, its levels, changes and environments."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.history.timeline import Era, Point, Timeline
from reports.pictures import COLOURS, DARK_GREY, PictureError, drawing, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS_MAX = 20
"""Series in one picture."""

_WIDTH_INCHES = 7.6
_PANEL_INCHES = 2.1
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Student's interval of two trials is 13 standard deviations wide: if drawn, it would hide everything else.
_LEAST_TRIALS = 3
_AXIS = {"ratio": "latency / reference", "latency": "latency, ms"}


def draw_history(found: Sequence[Timeline], paths: Sequence[Path]) -> None:
    """Draws the series of a history, one above the other.

    Args:
        found: result of `harness.history.timeline.timelines`; at most `PANELS_MAX` with a figure.
        paths: files to write, see `reports.pictures.save`.

    Raises:
        PictureError: matplotlib is not installed, nothing can be drawn, or there are too many series.
        StorageError: a file cannot be written.
    """
    drawable = [one for one in found if any(era.ok for era in one.eras)]
    if not drawable:
        raise PictureError("No run of these series is ok, so there is nothing to draw.")
    if len(drawable) > PANELS_MAX:
        raise PictureError(f"{len(drawable)} series are too many for one picture; name up to {PANELS_MAX} of them.")
    with drawing():
        save(make_figure(drawable), paths)


def make_figure(found: Sequence[Timeline]) -> Figure:
    """The picture as a matplotlib figure, for `draw_history` and for notebooks."""
    figure = new_figure(_WIDTH_INCHES, 0.6 + _PANEL_INCHES * len(found))
    panels = figure.subplots(len(found), sharex=True, squeeze=False)[:, 0]
    for axes, timeline in zip(panels, found, strict=True):
        _draw_series(axes, timeline)
    panels[-1].xaxis_date()
    return figure


def _draw_series(axes: Axes, timeline: Timeline) -> None:
    eras = [era for era in timeline.eras if era.ok]
    for position, era in enumerate(eras):
        _draw_era(axes, era, position, numbered=len(eras) > 1)
    axes.set_title(str(timeline.key), loc="left", fontsize=9, fontweight="bold")
    axes.set_ylabel(_AXIS[eras[-1].figure])
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(y=0.18)


def _draw_era(axes: Axes, era: Era, position: int, *, numbered: bool) -> None:
    colour, marker = COLOURS[position % len(COLOURS)], _MARKERS[position % len(_MARKERS)]
    times = [_time(point) for point in era.ok]
    values = [era.value(point) for point in era.ok]
    if era.figure == "ratio":
        axes.errorbar(times, values, yerr=_whiskers(era), fmt="none", ecolor=colour, elinewidth=0.7, alpha=0.5)
    label = f"environment {era.environment_id}" if numbered else None
    axes.scatter(times, values, s=14, marker=marker, color=colour, linewidths=0, zorder=3, label=label)
    for points, level in era.levels():
        axes.hlines(level, _time(points[0]), _time(points[-1]), color=colour, linewidth=1.6, alpha=0.6, zorder=2)
    if position:
        # Runs on either side of this line are from different environments, and never compared.
        axes.axvline(times[0], color=DARK_GREY, linewidth=0.9, linestyle=(0, (4, 3)))
    for change in era.changes:
        axes.axvline(times[change.position], color="black", linewidth=1.0)
        axes.annotate(
            f"{change.percent:+.1f} %", (times[change.position], 0.97), (3, 0), fontsize=7.5, va="top",
            xycoords=("data", "axes fraction"), textcoords="offset points",
        )  # fmt: skip
    if numbered:
        axes.legend(loc="lower left", frameon=True, framealpha=0.9, edgecolor="none", fontsize=7)


def _whiskers(era: Era) -> list[list[float]]:
    """Distances down and up from each ratio to the ends of its interval."""
    ends = [
        (era.value(point), point.ratio_low, point.ratio_high)
        if point.trials_count >= _LEAST_TRIALS
        else (0.0, None, None)
        for point in era.ok
    ]
    told = [(0.0, 0.0) if low is None or high is None else (value - low, high - value) for value, low, high in ends]
    return [[down for down, _ in told], [up for _, up in told]]


def _time(point: Point) -> float:
    """Days since 1970, as matplotlib counts dates."""
    return datetime.datetime.fromisoformat(point.measured_at).timestamp() / 86_400
