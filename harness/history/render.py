"""A history for people and other programs: text, Markdown, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

from foundation.wording import counted, one_line
from harness.history.change_points import LEAST_RUNS, ChangePoint, ChangeRules
from harness.history.store import HistoryStore, StoredRun
from harness.history.timeline import Era, Point, Timeline
from harness.records.schema import COLUMN_NAMES
from harness.text.tables import aligned, cell, table

_HEADER = ("date", "label", "latency ms", "ratio", "95 % interval", "trials", "runtime", "remark")
_RUNS_HEADER = ("date", "label", "environment", "device", "series ok", "run")
_DIFFERENCES_MAX = 6


def rule_text(rules: ChangeRules) -> str:
    """The rule by which changes are called."""
    return (
        f"A change is called if its 95 % interval lies beyond {rules.margin_percent:g} %; of histories without a "
        f"change, at most {100 * rules.error_rate:g} % have one called (runs in any order; docs/history.md on drift)."
    )


def change_text(era: Era, change: ChangePoint) -> str:
    """A change in one line."""
    return (
        f"{_date(era.ok[change.position])}: {change.percent:+.1f} % ({change.low_percent:+.1f} to "
        f"{change.high_percent:+.1f} %)"
    )


def era_text(era: Era) -> str:
    """The environment of an era, and what is new in it."""
    told = f"environment {era.environment_id}: {era.device}"
    if not era.differences:
        return told
    left_out = len(era.differences) - _DIFFERENCES_MAX
    more = f"; and {left_out} more" if left_out > 0 else ""
    return f"{told}. Not comparable with the runs above: {'; '.join(era.differences[:_DIFFERENCES_MAX])}{more}"


def text(found: Sequence[Timeline], rules: ChangeRules) -> str:
    """Tables for a terminal."""
    return _rendered(found, rules, lambda title: f"{title}\n{'=' * len(title)}\n", aligned)


def markdown(found: Sequence[Timeline], rules: ChangeRules) -> str:
    """The same for a CI summary: the changes in full, the runs folded up."""

    def folded(lines: Sequence[Sequence[str]]) -> str:
        told = table(lines[0], [[cell(text) for text in line] for line in lines[1:]])
        return f"<details><summary>{counted(len(lines) - 1, 'run')}</summary>\n\n{told}\n</details>\n"

    return _rendered(found, rules, lambda title: f"### {cell(title)}\n", folded)


def _rendered(
    found: Sequence[Timeline],
    rules: ChangeRules,
    title: Callable[[str], str],
    runs: Callable[[Sequence[Sequence[str]]], str],
) -> str:
    parts = []
    for timeline in found:
        parts.append(title(one_line(str(timeline.key))))
        for era in timeline.eras:
            parts.append(f"{era_text(era)}\n")
            parts.append(runs([_HEADER, *_lines(era)]))
            parts.append(_changes_text(era))
    return "\n".join([*parts, rule_text(rules)]) + "\n"


def _changes_text(era: Era) -> str:
    if len(era.ok) < 2 * LEAST_RUNS:
        return f"- {counted(len(era.ok), 'run')}: finding changes takes {2 * LEAST_RUNS} or more\n"
    told = [f"- {era.figure} changed at {change_text(era, change)}\n" for change in era.changes]
    return "".join(told) or f"- no change in the {era.figure}\n"


def _lines(era: Era) -> list[list[str]]:
    changes = era.changes_by_point()
    return [
        _line(point, changes.get(index), era.points[index - 1] if index else None)
        for index, point in enumerate(era.points)
    ]


def _line(point: Point, change: ChangePoint | None, before: Point | None) -> list[str]:
    remarks = [f"changed {change.percent:+.1f} %"] if change else []
    if point.latency_ms is None:
        remarks.append(f"{point.status}: {point.reason}")
    elif before and before.artifact_sha256 and before.artifact_sha256 != point.artifact_sha256:
        remarks.append("another artifact")
    if point.measured_as:
        remarks.append(f"measured as {point.measured_as}")
    has_interval = point.ratio_low is not None and point.ratio_high is not None
    return [
        _date(point),
        point.label,
        "" if point.latency_ms is None else f"{point.latency_ms:.4g}",
        "" if point.ratio is None else f"{point.ratio:.4g}",
        f"{point.ratio_low:.4g} to {point.ratio_high:.4g}" if has_interval else "",
        str(point.trials_count or ""),
        point.runtime,
        one_line("; ".join(remarks)),
    ]


def runs_table(runs: Sequence[StoredRun]) -> str:
    """The runs of a store, for a terminal."""
    lines = [
        [
            _minute(run.created_at),
            run.label,
            run.environment_id,
            run.device,
            f"{run.series_ok_count} of {run.series_count}",
            run.run_id,
        ]
        for run in runs
    ]
    return aligned([_RUNS_HEADER, *lines])


def export_csv(store: HistoryStore) -> str:
    """Every row of every run: its run, then the columns of results.csv."""
    runs = {run.run_id: run for run in store.runs()}
    rows = list(store.cells())
    # Rows of earlier versions may have columns that results.csv no longer has.
    former = sorted({name for _, cells in rows for name in cells} - set(COLUMN_NAMES))
    buffer = io.StringIO()
    writer = csv.DictWriter(
        buffer, ["run_id", "label", "run_created_at", *COLUMN_NAMES, *former], restval="", lineterminator="\n"
    )
    writer.writeheader()
    for run_id, cells in rows:
        run = runs[run_id]
        writer.writerow({"run_id": run_id, "label": run.label, "run_created_at": run.created_at, **cells})
    return buffer.getvalue()


def _date(point: Point) -> str:
    return _minute(point.measured_at)


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")
