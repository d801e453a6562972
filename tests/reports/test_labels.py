"""Labels cover neither points nor each other."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("matplotlib", reason="pictures need the extra `report`")

from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from reports.labels import Point, place_labels


def _figure(points: list[Point]) -> Figure:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 10)
    axes.scatter(*zip(*points, strict=True))
    figure.draw_without_rendering()
    return figure


def _boxes(figure: Figure) -> list[Bbox]:
    figure.draw_without_rendering()
    labels = [child for child in figure.axes[0].get_children() if isinstance(child, Annotation)]
    for label in labels:
        label.get_window_extent()
    return [Text.get_window_extent(label) for label in labels]


def test_crowded_labels_are_apart_and_off_the_points() -> None:
    points = [(5 + 0.3 * i, 5 + 0.25 * i) for i in range(8)]
    figure = _figure(points)
    axes = figure.axes[0]
    names = [f"a_rather_long_name_{i}" for i in range(len(points))]
    left_out = place_labels(figure, axes, points, names, markers=points, line=points)
    assert left_out == []
    boxes = _boxes(figure)
    assert len(boxes) == len(points)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    pixels = [axes.transData.transform(point) for point in points]
    assert not any(box.contains(*pixel) for box in boxes for pixel in pixels)
    assert all(axes.get_window_extent().count_contains(box.corners()) == 4 for box in boxes)


def test_a_lone_label_is_up_to_the_left_without_a_line() -> None:
    figure = _figure([(5, 5)])
    axes = figure.axes[0]
    assert place_labels(figure, axes, [(5, 5)], ["name"], markers=[(5, 5)], line=[(5, 5)]) == []
    (label,) = [child for child in axes.get_children() if isinstance(child, Annotation)]
    assert label.arrow_patch is None
    (box,) = _boxes(figure)
    x, y = axes.transData.transform((5, 5))
    assert box.x1 < x
    assert box.y0 > y


def test_what_has_no_place_is_omitted_and_reported() -> None:
    points = [(5.0, 5.0)] * 3
    figure = _figure(points)
    too_long = "x" * 200
    names = ["short", too_long, "short too"]
    assert place_labels(figure, figure.axes[0], points, names, markers=points, line=points) == [too_long]
    assert len(_boxes(figure)) == 2
