"""The picture of latency against accuracy, with the frontier, as SVG and PNG."""

from __future__ import annotations

import contextlib
import itertools
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reports.groups import Group
from reports.labels import place_labels
from reports.legends import add_entries, frontier_entry, place_legend, uncover
from reports.marks import draw_points, points_of
from reports.names import is_own
from reports.pictures import DARK_GREY, PictureError, drawing, keep_layout, lay_out, new_figure, save, style
from reports.ticks import draw_ticks, tick_points
from reports.variants import names_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_INCHES = (7.6, 5.0)
_CAPTION_CHARACTERS = 115
_LEFT_OUT_CHARACTERS = 110

LATENCY_AXIS = {"host": "Latency (host time of one inference), ms", "gpu_compute": "GPU compute time, ms"}


def drawable(group: Group) -> bool:
    """Whether a row of the group has both a latency and an accuracy that can be ranked."""
    return not group.comparable.empty


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
    figure = new_figure(*SIZE_INCHES)
    axes = figure.add_subplot()
    draw_group(axes, group, caption, sources_of([group]))
    lay_out(figure)
    uncover_points(figure, axes, group)
    keep_layout(figure)
    label_frontier(figure, axes, group)
    return figure


def sources_of(groups: Sequence[Group]) -> list[str]:
    """The sources that are drawn in any of the groups, in the order of their colours.

    Those with points come first, so that sources that have only ticks take no colour from them.
    """
    drawn, ticks = (
        {str(source) for rows in members for source in rows["source"].unique()}
        for members in ([g.comparable for g in groups], [g.without_accuracy for g in groups])
    )
    return [*sorted(drawn), *sorted(ticks - drawn)]


def draw_group(axes: Axes, group: Group, caption: str, sources: Sequence[str]) -> None:
    """Draws a group's picture except its labels.

    Args:
        axes: where to draw.
        group: `drawable` must hold.
        caption: text below the title.
        sources: all sources of the figure, so that each has one colour in all its panels.
    """
    rows = group.comparable
    _set_scales(axes, group)
    with _limits_from_all(axes):
        line = _frontier_line(group)
        if line:
            axes.plot(*zip(*line, strict=True), color=DARK_GREY, linewidth=0.9, zorder=1, label=frontier_entry(group))
        for source, members in rows.groupby("source"):
            draw_points(axes, members, *style(sources.index(str(source))))
        draw_ticks(axes, group, sources)
        add_entries(axes, group, sources)
    _set_titles(axes, group, rows["model"].nunique(), caption)
    place_legend(axes, group)


def uncover_points(figure: Figure, axes: Axes, group: Group) -> None:
    """Moves the legend if it hides a point or a tick; for all axes of a laid-out figure before any has labels."""
    uncover(figure, axes, group, list(_places(axes, group).values()))


def _places(axes: Axes, group: Group) -> dict[int, tuple[float, float]]:
    """Where each row is drawn, in data coordinates, by the index of `group.rows`."""
    rows, ticks = group.comparable, group.without_accuracy
    return dict(zip([*rows.index, *ticks.index], [*points_of(rows), *tick_points(axes, ticks)], strict=True))


def label_frontier(figure: Figure, axes: Axes, group: Group) -> None:
    """Names user networks and those on the frontier, if there is room; the figure is laid out."""
    places = _places(axes, group)
    labels = labels_of(group)
    left_out = place_labels(
        figure,
        axes,
        [places[index] for index in labels],
        list(labels.values()),
        markers=list(places.values()),
        line=_frontier_line(group),
    )
    if left_out:
        text = textwrap.shorten(f"no room to label: {', '.join(left_out)}", _LEFT_OUT_CHARACTERS, placeholder=" ...")
        # Above a frontier that rises to the right is empty paper.
        axes.annotate(text, (0.01, 0.99), xycoords="axes fraction", fontsize=6, va="top", in_layout=False)


def labels_of(group: Group) -> dict[int, str]:
    """Labels of user networks and of the frontier, by the index of `group.rows`.

    User networks come first: the picture is made for them. Without an accuracy they are ticks.
    """
    drawn = group.drawn
    drawn = drawn.assign(own=drawn["model"].map(is_own).astype(bool))
    named = drawn[drawn["own"] | drawn["frontier"]].sort_values("own", ascending=False, kind="stable")
    return dict(zip(named.index.to_list(), names_of(named), strict=True))


def _frontier_line(group: Group) -> list[tuple[float, float]]:
    """The corners of the best accuracy available within a latency; none if no row is on the frontier."""
    points = points_of(group.rows[group.rows["frontier"]])
    corners = points[:1]
    for (_, accuracy_percent), point in itertools.pairwise(points):
        corners = [*corners, (point[0], accuracy_percent), point]
    return list(corners)


@contextlib.contextmanager
def _limits_from_all(axes: Axes) -> Iterator[None]:
    """Computes the limits of the latency axis from all that is drawn, once.

    Matplotlib computes them after each addition, and warns while a single latency is drawn.
    """
    computed = axes.get_autoscalex_on()
    axes.set_autoscalex_on(False)
    yield
    axes.set_autoscalex_on(computed)
    axes.autoscale_view(scaley=False)


def _set_scales(axes: Axes, group: Group) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    times_ms = group.drawn[["latency_median_ms", "latency_low_ms", "latency_high_ms"]]
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
    kinds = set(group.comparable["accuracy_kind"])
    if kinds == {"published"}:
        return "Published top-1 accuracy"
    if kinds == {"measured"}:
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
