"""A profile as text for a terminal: the longest layers, and the kinds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.kinds import balance, doubts, kind_names, kinds, setting
from reports.text import significant

if TYPE_CHECKING:
    import pandas

_TOP = 10
_LONGEST_NAME = 48


def render(rows: pandas.DataFrame) -> str:
    """The profile as text, without a newline at the end."""
    parts = [
        f"{rows['model'].iloc[0]}: {setting(rows)}",
        " ".join(filter(None, (balance(rows), doubts(rows)))),
        "",
        *_columns(("kind of layer", "layers", "time/ms", "share/%"), _kind_cells(rows), "lrrr"),
        "",
        *_columns(
            ("#", "layer", "kind", "shapes", "time/ms", "share/%", "sum/%", "name"), _layer_cells(rows), "rrllrrrl"
        ),
    ]
    return "\n".join(parts)


def shortened(name: str, longest: int) -> str:
    """A name without its middle if it is longer than `longest`: beginning and end distinguish layers."""
    if len(name) <= longest:
        return name
    head = (longest - 3) // 2
    return f"{name[:head]}...{name[head + 3 - longest :]}"


def _kind_cells(rows: pandas.DataFrame) -> list[tuple[str, ...]]:
    found = kinds(rows).head(_TOP).reset_index().to_dict("records")
    return [
        (row["kind"], str(row["layers"]), significant(row["time_ms"], 3), f"{row['share_percent']:.1f}")
        for row in found
    ]


def _layer_cells(rows: pandas.DataFrame) -> list[tuple[str, ...]]:
    ranked = rows.assign(named=kind_names(rows)).sort_values("rank").head(_TOP)
    return [
        (
            str(row["rank"]),
            str(row["position"]),
            row["named"],
            row["shapes"],
            significant(row["time_ms"], 3),
            f"{row['share_percent']:.1f}",
            f"{row['cumulative_percent']:.1f}",
            shortened(row["name"], _LONGEST_NAME),
        )
        for row in ranked.to_dict("records")
    ]


def _columns(header: Sequence[str], lines: Sequence[Sequence[str]], align: str) -> list[str]:
    """Lines of a table in columns of equal width."""
    widths = [max(map(len, cells)) for cells in zip(header, *lines, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(line, widths, align, strict=True)
        ).rstrip()
        for line in (header, *lines)
    ]
