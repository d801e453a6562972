"""Labels beside points of a picture, placed so that they cover neither points, lines nor each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

Point = tuple[float, float]

_FONT_SIZE_POINTS = 6.5
_MARKER_RADIUS_POINTS = 3.0
_GAP_POINTS = 0.8
# Its long lines are up to so much wider at another resolution than the one at which labels are placed.
_LEGEND_GAP_POINTS = 5.0
# Up and to the left first: above a frontier that rises to the right is empty paper.
_DIRECTIONS_DEGREES = (135, 150, 120, 165, 105, 178, 92, 75, -45, -30, -60, 45, 15, -10, -85, 200, 225)
_DISTANCES_POINTS = (5, 9, 14, 20, 28, 38, 50, 64)
_OFFSETS_POINTS = [
    (distance * math.cos(math.radians(degrees)), distance * math.sin(math.radians(degrees)))
    for distance in _DISTANCES_POINTS
    for degrees in _DIRECTIONS_DEGREES
]


def place_labels(
    figure: Figure,
    axes: Axes,
    points: Sequence[Point],
    names: Sequence[str],
    *,
    markers: Sequence[Point],
    line: Sequence[Point],
) -> list[str]:
    """Writes each name near its point, with a thin line to it if it is farther away.

    A greedy search: for each point in turn the nearest free place in a fixed fan of directions.

    Args:
        figure: the figure, laid out; labels change nothing of that.
        axes: the axes to write to; all arguments below are in its data coordinates.
        points: points to label.
        names: one for each point.
        markers: points that no label may cover.
        line: a polyline that no label may cover; may be empty.

    Returns:
        The names that were not written, because there was no free place.
    """
    paper = _Paper(axes, figure.dpi / 72, markers, line)
    return [name for point, name in zip(points, names, strict=True) if not _place(axes, paper, point, name)]


class _Paper:
    """The occupied parts of the axes, in pixels. A box is its left, lower, right and upper edge."""

    def __init__(self, axes: Axes, pixels_per_point: float, markers: Sequence[Point], line: Sequence[Point]) -> None:
        from matplotlib.path import Path

        self._inside = axes.get_window_extent().extents
        self._gap = _GAP_POINTS * pixels_per_point
        radius = _MARKER_RADIUS_POINTS * pixels_per_point
        centres = axes.transData.transform(np.reshape(markers, (-1, 2)))
        self._boxes = np.hstack([centres - radius, centres + radius])
        legend = axes.get_legend()
        if legend:
            padded = legend.get_window_extent().padded(_LEGEND_GAP_POINTS * pixels_per_point)
            self._boxes = np.vstack([self._boxes, padded.extents])
        self._texts: list[Bbox] = []
        self._lines = [Path(axes.transData.transform(line))] if line else []
        # A leader may cross the polyline: its own end, at the point, is on it.
        self._leaders: list[Path] = []

    def free(self, texts: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Which of the texts' boxes, N x 4, are inside the axes and cover no other box."""
        boxes = texts + self._gap * np.array([-1, -1, 1, 1])
        inside = (boxes[:, :2] >= self._inside[:2]) & (boxes[:, 2:] <= self._inside[2:])
        low, high = boxes[:, None, :2], boxes[:, None, 2:]
        overlaps = (low <= self._boxes[:, 2:]) & (self._boxes[:, :2] <= high)
        covers = np.any(np.all(overlaps, axis=2), axis=1)
        free: npt.NDArray[np.bool_] = np.logical_and(np.all(inside, axis=1), ~covers)
        return free

    def take(self, text: Bbox, leader: Path | None) -> bool:
        """Marks a label's text, whose box is free, and its line as taken, if lines allow it; False if they do not."""
        box = text.padded(self._gap)
        free = not any(line.intersects_bbox(box, filled=False) for line in self._lines)
        if free and leader:
            free = not any(leader.intersects_bbox(other, filled=False) for other in self._texts)
            free = free and not any(leader.intersects_path(line, filled=False) for line in self._leaders)
        if free:
            self._texts.append(box)
            self._boxes = np.vstack([self._boxes, box.extents])
            if leader:
                self._lines.append(leader)
                self._leaders.append(leader)
        return free


def _place(axes: Axes, paper: _Paper, point: Point, name: str) -> bool:
    """Writes `name` in the first free place; False if there is none."""
    from matplotlib.transforms import Bbox

    texts = _text_boxes(axes, point, _text_size(axes, point, name))
    for place in np.flatnonzero(paper.free(texts)).tolist():
        text = Bbox.from_extents(*texts[place])
        with_leader = place >= len(_DIRECTIONS_DEGREES)
        if paper.take(text, _leader(axes, point, text) if with_leader else None):
            _write(axes, point, name, _OFFSETS_POINTS[place], with_leader)
            return True
    return False


def _write(axes: Axes, point: Point, name: str, offset: Point, with_leader: bool) -> Annotation:
    """Writes `name` with its nearest corner at an offset in points from its point."""
    dx, dy = offset
    arrow = {"arrowstyle": "-", "linewidth": 0.4, "color": "#777777", "shrinkA": 0, "shrinkB": 2}
    label = axes.annotate(
        name,
        point,
        offset,
        textcoords="offset points",
        fontsize=_FONT_SIZE_POINTS,
        color="#222222",
        ha="left" if dx > 0 else "right",
        va="bottom" if dy > 0 else "top",
        # The line starts at the middle of the text's side that faces the point.
        arrowprops={**arrow, "relpos": (0 if dx > 0 else 1, 0.5)} if with_leader else None,
        zorder=5,
    )
    # A label is inside the axes, so it needs no room in the layout.
    label.set_in_layout(False)
    return label


def _text_size(axes: Axes, point: Point, name: str) -> Point:
    """Width and height of a label's text in pixels; an annotation has them only at a point inside the axes."""
    label = _write(axes, point, name, (0.0, 0.0), with_leader=False)
    box = label.get_window_extent()
    label.remove()
    return box.width, box.height


def _text_boxes(axes: Axes, point: Point, size: Point) -> npt.NDArray[np.float64]:
    """The boxes in pixels, N x 4, of a text that `_write` writes at each offset; its own line is no part of them."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    offsets = np.array(_OFFSETS_POINTS)
    corners = axes.transData.transform(point) + offsets * figure.dpi / 72
    low = np.where(offsets > 0, corners, corners - size)
    return np.hstack([low, low + size])


def _leader(axes: Axes, point: Point, text: Bbox) -> Path:
    """The line from a label to its point, without the last tenth."""
    from matplotlib.path import Path

    end = np.asarray(axes.transData.transform(point))
    start = np.array([text.x0 if text.x0 > end[0] else text.x1, (text.y0 + text.y1) / 2])
    return Path(np.array([start, start + 0.9 * (end - start)]))
