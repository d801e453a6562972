"""The picture of a profile: time by kind of layer, in order of execution, and the longest layers."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reports.kinds import balance, doubts, kind_names, kinds, setting
from reports.layer_text import shortened
from reports.pictures import COLOURS, DARK_GREY, drawing, new_figure, save
from reports.text import significant

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DEFAULT_TOP = 15
"""Longest layers that are drawn one by one."""

_OTHER_COLOUR = "#CCCCCC"
_OTHER = "other kinds"
_LABEL_GREY = "#666666"
_COLOURED_KINDS = 7
_SEPARATED_LAYERS = 80
# A thinner segment of a strip has no room for its percentage.
_LEAST_LABELLED_PERCENT = 4.5

_WIDTH_INCHES = 7.6
_HEAD_INCHES = 2.4
_BAR_INCHES = 0.31
_CAPTION_CHARACTERS = 130
_NAME_CHARACTERS = 46
_LINE_POINTS = 11


def draw_layers(rows: pandas.DataFrame, paths: Sequence[Path], top: int = DEFAULT_TOP) -> None:
    """Draws a profile.

    Args:
        rows: result of `harness.records.profile_table.load_layers`.
        paths: files to write, see `reports.pictures.save`.
        top: number of the longest layers that get a bar.

    Raises:
        PictureError: matplotlib is not installed.
        StorageError: a file cannot be written.
    """
    with drawing():
        save(make_figure(rows, top), paths)


def make_figure(rows: pandas.DataFrame, top: int = DEFAULT_TOP) -> Figure:
    """The picture as a matplotlib figure, for `draw_layers` and for notebooks; arguments as there."""
    longest = rows.sort_values("rank").head(top)
    bars_inches = _BAR_INCHES * len(longest)
    figure = new_figure(_WIDTH_INCHES, _HEAD_INCHES + bars_inches)
    strips, bars = figure.subplots(2, height_ratios=[0.9, max(bars_inches, 0.9)])
    colours = _colours(rows)
    _draw_strips(strips, rows, colours)
    _draw_bars(bars, rows, longest, colours)
    _set_titles(figure, rows)
    return figure


def _colours(rows: pandas.DataFrame) -> Mapping[str, str]:
    """A colour for each of the kinds that take longest; all others are grey."""
    longest = kinds(rows).index[:_COLOURED_KINDS]
    return dict(zip(map(str, longest), COLOURS, strict=False))


def _draw_strips(axes: Axes, rows: pandas.DataFrame, colours: Mapping[str, str]) -> None:
    """Draws two bars of the whole time: layers grouped by kind, and layers in order of execution."""
    found = kinds(rows)
    coloured = found[found.index.isin(list(colours))]
    start = 0.0
    for name, kind in coloured.iterrows():
        label = f"{name}: {kind['share_percent']:.1f} %"
        _segment(axes, 1, start, kind["share_percent"], colours[str(name)], label)
        start += kind["share_percent"]
    if len(coloured) < len(found):
        label = f"{len(found) - len(coloured)} {_OTHER}: {100 - start:.1f} %"
        _segment(axes, 1, start, 100 - start, _OTHER_COLOUR, label)
    starts = rows["share_percent"].cumsum() - rows["share_percent"]
    fills = [colours.get(name, _OTHER_COLOUR) for name in kind_names(rows)]
    # White lines between hundreds of layers would hide them; an edge of the same colour closes the seams
    # that some viewers show.
    few = len(rows) <= _SEPARATED_LAYERS
    axes.barh(
        0, rows["share_percent"], left=starts, height=0.7, color=fills, edgecolor="white" if few else fills,
        linewidth=0.25 if few else 0.05,
    )  # fmt: skip
    axes.set_yticks([1, 0], ["by kind", "as executed"])
    axes.set_xlim(0, 100)
    axes.set_ylim(-0.5, 1.5)
    axes.tick_params(length=0)
    axes.set_xticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    axes.legend(
        loc="upper left", bbox_to_anchor=(0, -0.02), ncols=3, frameon=False, fontsize=7.5, handlelength=1.0,
        borderpad=0.2, columnspacing=1.5,
    )  # fmt: skip


def _segment(axes: Axes, y: float, start: float, percent: float, colour: str, label: str) -> None:
    axes.barh(y, percent, left=start, height=0.7, color=colour, edgecolor="white", linewidth=0.6, label=label)
    if percent >= _LEAST_LABELLED_PERCENT:
        axes.text(
            start + percent / 2, y, f"{percent:.0f} %", ha="center", va="center", fontsize=7.5,
            color="black" if colour == _OTHER_COLOUR else "white",
        )  # fmt: skip


def _draw_bars(axes: Axes, rows: pandas.DataFrame, longest: pandas.DataFrame, colours: Mapping[str, str]) -> None:
    names = list(kind_names(longest))
    several = rows["precision"].nunique() > 1
    fills = [colours.get(name, _OTHER_COLOUR) for name in names]
    axes.barh(range(len(longest)), longest["share_percent"], height=0.72, color=fills)
    for y, (name, row) in enumerate(zip(names, longest.to_dict("records"), strict=True)):
        words = [name, row["shapes"].replace(" > ", " \u2192 "), row["precision"] if several else ""]
        _write_left(axes, y, 0.2, "  ".join(filter(None, words)), 7.5, "black")
        whole = f"layer {row['position']}: {shortened(row['name'], _NAME_CHARACTERS)}"
        _write_left(axes, y, -0.23, whole, 6.5, _LABEL_GREY)
        axes.annotate(
            f"{row['share_percent']:.1f} %,  {significant(row['time_ms'], 3)} ms",
            (row["share_percent"], y),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
        )
    axes.set_ylim(len(longest) - 0.4, -0.6)
    axes.set_xlim(0, 1.3 * float(longest["share_percent"].max()))
    axes.set_yticks([])
    axes.set_xlabel("Share of the time of all layers, %")
    axes.grid(True, axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    _write_rest(axes, rows, longest)
    if longest["shapes"].any():
        axes.annotate(
            "shapes: input \u2192 output, without the batch", (0.01, 0), (0, -26), fontsize=6.5, color=_LABEL_GREY,
            xycoords=("figure fraction", "axes fraction"), textcoords="offset points", in_layout=False,
        )  # fmt: skip


def _write_left(axes: Axes, y: float, rise: float, text: str, size: float, colour: str) -> None:
    """Writes a line of a bar's label, `rise` bars above its middle."""
    axes.annotate(
        text, (0, y - rise), (-6, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
        ha="right", va="center", fontsize=size, color=colour,
    )  # fmt: skip


def _write_rest(axes: Axes, rows: pandas.DataFrame, longest: pandas.DataFrame) -> None:
    """Writes what is not drawn, or that all layers are."""
    rest = rows.drop(longest.index)
    longest_title = "The longest layer" if len(longest) == 1 else f"The {len(longest)} longest layers"
    title = longest_title if len(rest) else "All layers, the longest first"
    axes.set_title(title, loc="left", fontsize=8.5, fontweight="bold")
    if len(rest):
        time_ms, percent = significant(rest["time_ms"].sum(), 3), rest["share_percent"].sum()
        text = f"the other {len(rest)}: {percent:.1f} %,  {time_ms} ms"
        axes.set_title(text, loc="right", fontsize=7.5, color=DARK_GREY)


def _set_titles(figure: Figure, rows: pandas.DataFrame) -> None:
    first = rows.iloc[0]
    title = f"{first['model']} in {first['precision_effective']} on {first['backend']}: where the time goes"
    small = [*textwrap.wrap(setting(rows), _CAPTION_CHARACTERS), *textwrap.wrap(balance(rows), _CAPTION_CHARACTERS)]
    small += textwrap.wrap(doubts(rows), _CAPTION_CHARACTERS)
    top = figure.axes[0]
    # An empty title reserves the room; the lines themselves start at the edge of the figure.
    top.set_title(" ", fontsize=10, pad=7 + _LINE_POINTS * len(small))
    _write_head(top, title, 7 + _LINE_POINTS * len(small), 10, "black")
    for number, line in enumerate(reversed(small)):
        _write_head(top, line, 7 + _LINE_POINTS * number, 7.5, DARK_GREY)


def _write_head(axes: Axes, text: str, rise_points: float, size: float, colour: str) -> None:
    axes.annotate(
        text, (0.01, 1), (0, rise_points), xycoords=("figure fraction", "axes fraction"),
        textcoords="offset points", fontsize=size, color=colour, in_layout=False,
    )  # fmt: skip
