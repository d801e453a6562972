"""The legend of a picture of latency against accuracy."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reports.groups import Group
from reports.marks import HOLLOW
from reports.pictures import DARK_GREY, lay_out, style
from reports.ticks import HEIGHT, WIDTH_POINTS
from reports.training import ANY, difference

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

_MARKER_POINTS = 3.0
_ENTRY_CHARACTERS = 36
_SIZE = 24.0


def frontier_entry(group: Group) -> str:
    """The entry of the line: the frontier, and among which networks it is if that is known."""
    if not group.usual_data:
        return "frontier"
    return "frontier, any training data" if group.training == ANY else f"frontier, {group.usual_data} alone"


def add_entries(axes: Axes, group: Group, sources: Sequence[str]) -> None:
    """Adds the entries of the sources with points, of hollow points and of ticks, as empty series of whole markers.

    Args:
        axes: the axes of the group.
        group: the group of the picture.
        sources: all sources of the figure, in the order of their colours.
    """
    for source in sorted(group.comparable["source"].unique()):
        colour, marker = style(sources.index(source))
        axes.scatter([], [], s=_SIZE, marker=marker, color=colour, label=source)
    others = group.comparable.loc[group.comparable["other_data"], "training_data"]
    if not others.empty:
        label = textwrap.fill(f"hollow: {difference(others, group.usual_data)}", _ENTRY_CHARACTERS)
        axes.scatter([], [], s=_SIZE, marker="o", facecolors=HOLLOW, edgecolors=DARK_GREY, linewidths=0.9, label=label)
    for source, members in group.without_accuracy.groupby("source"):
        colour, _ = style(sources.index(str(source)))
        label = f"{source!s} ({members['model'].nunique()} without accuracy)"
        axes.scatter([], [], s=2.5 * _SIZE, marker="|", color=colour, linewidths=WIDTH_POINTS, label=label)


def place_legend(axes: Axes, group: Group) -> Legend:
    """Shows the legend in the lower right corner, above the ticks if there are any: a frontier rises to the right."""
    foot = 0.0 if group.without_accuracy.empty else HEIGHT
    return _legend(axes, loc="lower right", bbox_to_anchor=(0.0, foot, 1.0, 1.0 - foot))


def uncover(figure: Figure, axes: Axes, group: Group, points: Sequence[tuple[float, float]]) -> None:
    """Moves the legend beside the picture if it would hide a point, as of a slow network of low accuracy.

    Args:
        figure: the figure, laid out; it is laid out again if the legend moves, which changes all its axes.
        axes: the axes of the group.
        group: the group of the picture.
        points: what must be seen, in data coordinates.
    """
    box = place_legend(axes, group).get_window_extent().padded(_MARKER_POINTS * figure.dpi / 72)
    if any(box.contains(*axes.transData.transform(point)) for point in points):
        _legend(axes, loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)
        lay_out(figure)


def _legend(axes: Axes, **place: Any) -> Legend:
    return axes.legend(frameon=True, framealpha=0.9, edgecolor="none", fontsize=7.5, labelspacing=0.35, **place)
