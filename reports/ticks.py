"""Networks of which only the latency is known: ticks along the foot of a picture, named on hover in the SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.groups import Group
from reports.pictures import set_hover_text, style
from reports.text import significant
from reports.variants import names_of

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

HEIGHT = 0.025
"""A tick's height as a share of the picture's."""
WIDTH_POINTS = 1.4


def draw_ticks(axes: Axes, group: Group, sources: Sequence[str]) -> None:
    """Draws the rows without an accuracy.

    Args:
        axes: where to draw.
        group: the group of the picture.
        sources: all sources of the figure, in the order of their colours.
    """
    rows = group.without_accuracy
    picture = f"{group.environment_id}-b{group.batch}-{group.latency_kind}"
    names = names_of(rows)
    for position, (source, latency_ms) in enumerate(zip(rows["source"], rows["latency_median_ms"], strict=True)):
        colour, _ = style(sources.index(str(source)))
        (tick,) = axes.plot(
            [latency_ms, latency_ms], [0.0, HEIGHT], transform=axes.get_xaxis_transform(), color=colour,
            linewidth=WIDTH_POINTS, solid_capstyle="butt", zorder=2,
        )  # fmt: skip
        text = f"{names[position]}: {significant(latency_ms)} ms, no accuracy"
        set_hover_text(tick, f"tick-{picture}-{position + 1}", text)


def tick_points(axes: Axes, rows: pandas.DataFrame) -> list[tuple[float, float]]:
    """The middle of each row's tick in data coordinates, which must be final."""
    _, height = axes.transData.inverted().transform(axes.transAxes.transform((0.0, HEIGHT / 2)))
    return [(float(latency_ms), float(height)) for latency_ms in rows["latency_median_ms"]]
