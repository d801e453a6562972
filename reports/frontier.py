"""The picture of latency against accuracy, with the frontier, as SVG and PNG."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.groups import Group
from reports.labels import place_labels
from reports.names import is_own, short_names
from reports.pictures import DARK_GREY, PictureError, drawing, save, style
from reports.variants import column_texts, telling_columns

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

SIZE_INCHES = (7.6, 5.0)
_CAPTION_CHARACTERS = 115
_LEFT_OUT_CHARACTERS = 110
_MARKER_POINTS = 3.0

LATENCY_AXIS = {"host": "Latency (host time of one inference), ms", "gpu_compute": "GPU compute time, ms"}


def drawable(group: Group) -> bool:
    """Whether a row of the group has both a latency and an accuracy that can be ranked."""
    return bool(group.rows["frontier"].any())


def draw(group: Group, caption: str, paths: Sequence[Path]) -> None:
    """Draws one group of rows.

    Args:
        group: rows of one environment, batch size and kind of latency; `drawable` must hold.
        caption: the environment, on a line below the title.
        paths: files to write, see `reports.pictures.save`.

    Raises:
        PictureError: matplotlib is not installed, or no row can be drawn.
        StorageError: a file cannot be written.
    """
    with drawing():
        if not drawable(group):
            raise PictureError("No row has both a latency and an accuracy, so there is nothing to draw.")
        save(make_figure(group, caption), paths)


def make_figure(group: Group, caption: str) -> Figure:
    """The picture as a matplotlib figure, for `draw` and for notebooks; arguments as there."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.add_subplot()
    draw_group(axes, group, caption, sources_of([group]))
    label_frontier(figure, axes, group)
    return figure


def sources_of(groups: Sequence[Group]) -> list[str]:
    """The sources that have a point in any of the groups, in the order of their colours."""
    return sorted({str(source) for group in groups for source in group.comparable["source"].unique()})


def draw_group(axes: Axes, group: Group, caption: str, sources: Sequence[str]) -> None:
    """Draws a group's picture except its labels.

    Args:
        axes: where to draw.
        group: `drawable` must hold.
        caption: text below the title.
        sources: all sources of the figure, so that each has one colour in all its panels.
    """
    rows = group.comparable
    frontier = rows[rows["frontier"]]
    _set_scales(axes, group)
    axes.plot(
        *zip(*_steps(_points(frontier)), strict=True),
        color=DARK_GREY,
        linewidth=0.9,
        zorder=1,
        label="frontier",
    )
    for source, members in rows.groupby("source"):
        _draw_source(axes, members, str(source), sources.index(str(source)))
    _set_titles(axes, group, rows["model"].nunique(), caption)
    _legend(axes, loc="lower right")


def _legend(axes: Axes, **place: Any) -> Legend:
    return axes.legend(frameon=True, framealpha=0.9, edgecolor="none", fontsize=8, **place)


def _uncover(figure: Figure, axes: Axes, points: Sequence[tuple[float, float]]) -> None:
    """Moves the legend beside the picture if it would hide a point: a slow network of low accuracy."""
    figure.draw_without_rendering()
    box = _legend(axes, loc="lower right").get_window_extent().padded(_MARKER_POINTS * figure.dpi / 72)
    if any(box.contains(*axes.transData.transform(point)) for point in points):
        _legend(axes, loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)


def label_frontier(figure: Figure, axes: Axes, group: Group) -> None:
    """Names user networks and those on the frontier, if there is room; this fixes the figure's layout."""
    rows = group.comparable
    _uncover(figure, axes, _points(rows))
    labels = labels_of(group)
    left_out = place_labels(
        figure,
        axes,
        _points(rows.loc[list(labels)]),
        list(labels.values()),
        markers=_points(rows),
        line=_steps(_points(rows[rows["frontier"]])),
    )
    if left_out:
        text = textwrap.shorten(f"no room to label: {', '.join(left_out)}", _LEFT_OUT_CHARACTERS, placeholder=" ...")
        # Above a frontier that rises to the right is empty paper.
        axes.annotate(text, (0.01, 0.99), xycoords="axes fraction", fontsize=6, va="top", in_layout=False)


def labels_of(group: Group) -> dict[int, str]:
    """Labels of the points of user networks and of the frontier, by the index of `group.rows`.

    User networks come first: the picture is made for them.
    """
    rows = group.comparable
    own = rows["model"].map(is_own).astype(bool)
    named = rows[own | rows["frontier"]].assign(own=own).sort_values("own", ascending=False, kind="stable")
    return dict(zip(named.index.to_list(), _label_names(named), strict=True))


def _label_names(rows: pandas.DataFrame) -> list[str]:
    names = short_names(rows["model"].to_list())
    telling = ["precision"] if rows["precision"].nunique() > 1 else []
    for column in [*telling, *telling_columns(rows)]:
        names = [f"{name} {text}" for name, text in zip(names, column_texts(rows, column), strict=True)]
    return names


def _steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The corners of the best accuracy available within a latency."""
    corners = points[:1]
    for (_, accuracy_percent), point in itertools.pairwise(points):
        corners = [*corners, (point[0], accuracy_percent), point]
    return list(corners)


def _points(rows: pandas.DataFrame) -> list[tuple[float, float]]:
    return list(zip(rows["latency_median_ms"], rows["accuracy_percent"], strict=True))


# Student's interval of two trials is 13 standard deviations wide: drawn, it would hide everything else.
_LEAST_TRIALS = 3


def _draw_source(axes: Axes, rows: pandas.DataFrame, source: str, position: int) -> None:
    colour, marker = style(position)
    latency_ms, accuracy_percent = rows["latency_median_ms"], rows["accuracy_percent"]
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
    for on_frontier, alpha, size in ((False, 0.55, 16.0), (True, 1.0, 30.0)):
        members = rows["frontier"] == on_frontier
        axes.scatter(
            latency_ms[members], accuracy_percent[members], s=size, marker=marker, color=colour,
            alpha=alpha, linewidths=0.6, edgecolors="black" if on_frontier else "none",
            zorder=4 if on_frontier else 3,
        )  # fmt: skip
    # An empty series, so that the legend shows the marker whole.
    axes.scatter([], [], s=24, marker=marker, color=colour, label=source)


def _whiskers(centre: pandas.Series[float], low: pandas.Series[float], high: pandas.Series[float]) -> Any:
    """Distances down and up, 2 x N; zero if there is no interval."""
    import numpy

    return numpy.nan_to_num(numpy.stack([centre - low, high - centre])).clip(min=0.0)


def _set_scales(axes: Axes, group: Group) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    times_ms = group.comparable[["latency_median_ms", "latency_low_ms", "latency_high_ms"]]
    if times_ms["latency_median_ms"].nunique() == 1:
        # Rounding can leave no room at all around a single latency, about which matplotlib warns.
        axes.set_xlim(float(times_ms.min().min()) / 2, float(times_ms.max().max()) * 2)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, which="major", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(x=0.07, y=0.07)
    axes.set_xlabel(LATENCY_AXIS[group.latency_kind])
    axes.set_ylabel(f"{accuracy_axis(group)}, %")


def accuracy_axis(group: Group) -> str:
    """The label of the accuracy axis: which top-1 accuracy the group's picture shows."""
    if group.accuracy_kinds == {"published"}:
        return "Published top-1 accuracy"
    if group.accuracy_kinds == {"measured"}:
        return "Measured top-1 accuracy"
    return "Top-1 accuracy (measured, else published)"


def _set_titles(axes: Axes, group: Group, count: int, caption: str) -> None:
    lines = textwrap.wrap(caption, _CAPTION_CHARACTERS)
    axes.set_title(
        f"Latency against accuracy: {count} networks, batch {group.batch}",
        loc="left",
        fontsize=10,
        pad=7 + 11 * len(lines),
    )
    axes.annotate(
        "\n".join(lines),
        (0, 1),
        (0, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=7.5,
        color=DARK_GREY,
        # The padding of the title reserves its room; the layout would take its width from the axes.
        in_layout=False,
    )
