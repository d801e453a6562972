"""The accuracy measured with images, beside the published one, as markdown; and why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.text.tables import cell, table
from reports.records import records
from reports.text import code

if TYPE_CHECKING:
    import pandas

_NAMED_MAX = 5
"""Models that are named for a reason; of the others only the number is given."""


def accuracy_section(rows: pandas.DataFrame) -> list[str]:
    """Parts of the report; empty if accuracy was not requested.

    Args:
        rows: rows of one environment, whatever their status.
    """
    return [*_measured(rows[rows["accuracy_measured_top1_percent"].notna()]), *_reasons(rows)]


def different_images(rows: pandas.DataFrame) -> list[str]:
    """A warning if the accuracy of the rows was measured on different sets of images; else nothing."""
    sets = set(rows["accuracy_images_digest"]) - {""}
    if len(sets) < 2:
        return []
    return [
        f"The accuracy was measured on {len(sets)} different sets of images, which cannot be compared. Evaluate "
        "all networks on one set (`python -m harness accuracy`)."
    ]


def _measured(rows: pandas.DataFrame) -> list[str]:
    if rows.empty:
        return []
    header = (
        "model", "backend", "precision", "top-1 %", "95 % interval", "top-5 %", "published %", "difference",
        "published is", "images", "unreadable", "classes",
    )  # fmt: skip
    computed = ["computed in"] if (rows["accuracy_computed_in"] != "").any() else []
    by_accuracy = rows.sort_values(["accuracy_measured_top1_percent", "model"], ascending=[False, True])
    lines = [
        (
            code(row["model"]),
            cell(row["backend"]),
            cell(row["precision"]),
            _percent(row["accuracy_measured_top1_percent"]),
            _interval(row["accuracy_measured_top1_low_percent"], row["accuracy_measured_top1_high_percent"]),
            _percent(row["accuracy_measured_top5_percent"]),
            _percent(row["accuracy_published_top1_percent"]),
            _percent(row["accuracy_difference_percent"], "+"),
            {"yes": "inside", "no": "outside"}.get(row["accuracy_published_in_interval"], ""),
            _count(row["accuracy_images_count"]),
            _count(row["accuracy_unreadable_count"]),
            _classes(row["accuracy_classes_covered_count"], row["classes"]),
            *(cell(row["accuracy_computed_in"]) for _ in computed),
        )
        for row in records(by_accuracy)
    ]
    warning = [f"> **Warning**: {told}\n" for told in different_images(rows)]
    shown = table((*header, *computed), lines, align="lllrrrrrlrrr" + "l" * len(computed))
    return ["### Accuracy measured with images\n", *warning, shown]


def evaluated_only(rows: pandas.DataFrame) -> list[str]:
    """A table of rows that have a measured accuracy and no latency, with the reason for the latter; empty without any.

    Args:
        rows: rows of one environment, whatever their status.
    """
    rows = rows[(rows["status"] != "ok") & rows["accuracy_measured_top1_percent"].notna()]
    if rows.empty:
        return []
    lines = [
        (
            code(row["model"]),
            cell(row["backend"]),
            cell(row["precision"]),
            str(row["batch"]),
            _percent(row["accuracy_measured_top1_percent"]),
            row["status"].replace("_", " "),
            cell(row["reason"]),
        )
        for row in records(rows)
    ]
    header = ("model", "backend", "precision", "batch", "top-1 %", "latency", "reason")
    return ["### Evaluated with images, not timed\n", table(header, lines, align="lllrrll")]


def _reasons(rows: pandas.DataFrame) -> list[str]:
    without = rows[rows["accuracy_measured_reason"] != ""]
    if without.empty:
        return []
    lines = []
    for reason, members in without.groupby("accuracy_measured_reason", sort=False):
        names = list(dict.fromkeys(members["model"]))
        more = len(names) - _NAMED_MAX
        told = ", ".join(map(code, names[:_NAMED_MAX])) + (f" and {more} more" if more > 0 else "")
        lines.append((cell(reason), told))
    return ["### No accuracy measured\n", table(("reason", "models"), lines)]


def _percent(value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.2f}"


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.2f} to {high:.2f}"


def _classes(covered: int | None, classes: int | None) -> str:
    """How many classes the images cover, as in `200 of 1,000`."""
    if covered is None or classes is None or covered >= classes:
        return _count(covered)
    return f"{covered:,} of {classes:,}"


def _count(value: Any) -> str:
    return "" if value is None else f"{value:,}"
