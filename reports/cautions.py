"""Reasons not to trust the figures of a group, each with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reports.accuracy import different_images
from reports.groups import Group
from reports.records import records

if TYPE_CHECKING:
    import pandas

DISTURBED_MARK = "⚠"

# On a machine with two speeds the reference took 2.9 or 4.0 ms, and within one speed it varied by 3 %.
_SLOW_MACHINE = 1.15
_SIGNS = ["blocks_count", "blocks_contaminated_count", "reference_median_ms"]


def cautions(group: Group) -> list[str]:
    """Warnings about the figures of a group, a sentence or two each."""
    said = []
    single = int((group.rows["trials_count"] == 1).sum())
    if single:
        said.append(
            f"{single} of {len(group.rows)} rows rest on a single trial, so they have no "
            "interval. Repeat the command with more `--rounds` and the same `--output`."
        )
    usual_ms = usual_reference_ms(group.rows)
    disturbed = sum(is_disturbed(row, usual_ms) for row in records(group.rows[_SIGNS]))
    if disturbed:
        said.append(
            f"{disturbed} of {len(group.rows)} rows ({DISTURBED_MARK}) were measured while other "
            "programs used the processor, or while the machine was slower than usual. Repeat the command with more "
            "`--rounds`: the median over trials then discounts them."
        )
    return said + different_images(group.comparable)


def usual_reference_ms(rows: pandas.DataFrame) -> float | None:
    """The usual latency of the reference network: the machine's speed, measured by the same work."""
    times_ms = rows["reference_median_ms"].dropna()
    return None if times_ms.empty else float(times_ms.median())


def is_disturbed(row: Mapping[str, Any], usual_reference_ms: float | None) -> bool:
    """Whether other programs, or a slow phase of the machine, shaped a row's figures.

    Args:
        row: an ok row with at least the columns of `_SIGNS`, None for every missing value.
        usual_reference_ms: result of `usual_reference_ms` for the rows it was measured with.
    """
    by_others = bool(row["blocks_count"]) and row["blocks_contaminated_count"] > row["blocks_count"] / 2
    reference_ms = row["reference_median_ms"]
    slower = usual_reference_ms and reference_ms and reference_ms > _SLOW_MACHINE * usual_reference_ms
    return bool(by_others or slower)
