"""The frontier of several environments in one picture, side by side (figure 7 of arXiv 2205.00841)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reports.errors import ReportError
from reports.frontier import SIZE_INCHES, draw_group, drawable, label_frontier, sources_of, uncover_points
from reports.groups import Group, grouped
from reports.pictures import PictureError, drawing, keep_layout, lay_out, new_figure, save
from reports.runs import Runs
from reports.training import ALONE, Training
from reports.write import caption

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".svg", ".png", ".pdf")
_MOST_COLUMNS = 2


def draw_panels(runs: Runs, path: Path, training: Training = ALONE) -> None:
    """Draws one panel for each environment, batch size and kind of latency that can be drawn.

    Args:
        runs: the runs to draw.
        path: the file; its suffix is the format. The same rows give the same SVG and PDF to the byte.
        training: the networks that each frontier is among.

    Raises:
        ReportError: the suffix is not a picture format.
        PictureError: matplotlib is not installed, or no row can be drawn.
        StorageError: the file cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise ReportError(
            f"{path}: {path.suffix!r} is not a picture format. Give a file that ends in {', '.join(SUFFIXES)}."
        )
    groups = [group for group in grouped(runs.rows, training) if drawable(group)]
    if not groups:
        raise PictureError("No row has both a latency and an accuracy, so there is nothing to draw.")
    infos = {info.environment_id: info for info in runs.infos}
    captions = [caption(group, infos[group.environment_id]) for group in groups]
    with drawing():
        save(make_panels(groups, captions), [path])


def make_panels(groups: Sequence[Group], captions: Sequence[str]) -> Figure:
    """The panels as a matplotlib figure.

    Args:
        groups: groups for which `drawable` holds.
        captions: one for each group.
    """
    columns = min(len(groups), _MOST_COLUMNS)
    rows = math.ceil(len(groups) / columns)
    figure = new_figure(columns * SIZE_INCHES[0], rows * SIZE_INCHES[1])
    sources = sources_of(groups)
    panels = [figure.add_subplot(rows, columns, position) for position in range(1, len(groups) + 1)]
    for axes, group, text in zip(panels, groups, captions, strict=True):
        draw_group(axes, group, text, sources)
    # Once for all: laying out takes as long as there are panels.
    lay_out(figure)
    for axes, group in zip(panels, groups, strict=True):
        uncover_points(figure, axes, group)
    keep_layout(figure)
    for axes, group in zip(panels, groups, strict=True):
        label_frontier(figure, axes, group)
    return figure
