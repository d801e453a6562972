"""The report files of a run directory."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from foundation.vocabulary import PROBE
from harness.files.storage import replace_text
from harness.records.directory import RESULTS_NAME, load_series
from harness.records.run_info import RunInfo, load_run_info
from harness.records.table import load_rows
from reports.frontier import draw, drawable
from reports.groups import Group, grouped
from reports.html.page import write_page
from reports.markdown import render
from reports.notes import unknown_data
from reports.pictures import matplotlib_is_here
from reports.runs import Run, merged
from reports.runtimes import runtimes_csv, side_by_side
from reports.training import ALONE, Training

REPORT_NAME = "results.md"
PAGE_NAME = "report.html"
RUNTIMES_NAME = "runtimes.csv"


@dataclasses.dataclass(frozen=True)
class WrittenReports:
    """The result of `write_reports`."""

    paths: list[Path]
    """The files, results.md first."""
    notes: list[str]
    """What was omitted and why, for the user."""


def write_reports(run_directory: Path, training: Training = ALONE) -> WrittenReports:
    """Writes results.md, report.html and, if matplotlib is installed, the pictures into a run directory.

    Of runtimes that were measured side by side, runtimes.csv too.

    The run may still be in progress: the report shows the rows that results.csv has now.

    Args:
        run_directory: the output of a run.
        training: the networks that the frontier is among; in the page it can be changed.

    Raises:
        StorageError: it is not a run directory, or cannot be written.
    """
    info = load_run_info(run_directory)
    rows = load_rows(run_directory / RESULTS_NAME)
    pictures, notes = _write_pictures(run_directory, grouped(rows, training), info.apart())
    report = run_directory / REPORT_NAME
    shown = [picture.name for picture in pictures if picture.suffix == ".svg"]
    runs = merged([Run(run_directory, info, rows, tuple(load_series(run_directory).values()))])
    replace_text(report, render(rows, info.apart(), shown, training, runs.stated))
    tables = []
    if changes := side_by_side(rows):
        tables.append(run_directory / RUNTIMES_NAME)
        replace_text(tables[0], runtimes_csv(changes, training))
    page = run_directory / PAGE_NAME
    write_page(runs, page, training)
    return WrittenReports([report, *tables, page, *pictures], notes)


def _write_pictures(directory: Path, groups: Sequence[Group], infos: Sequence[RunInfo]) -> tuple[list[Path], list[str]]:
    if not matplotlib_is_here():
        return [], [
            "No picture: matplotlib is not installed. pip install 'baseline-zoo[report]', or copy "
            f"{directory} to a machine that has it: python -m harness report {directory.name}"
        ]
    with_points = [group for group in groups if drawable(group)]
    if not with_points:
        return [], ["No picture: no row has both a latency and an accuracy."]
    by_environment = {info.environment_id: info for info in infos}
    paths = []
    for group in with_points:
        files = [directory / f"{_picture_name(group, with_points)}{extension}" for extension in (".svg", ".png")]
        draw(group, caption(group, by_environment.get(group.environment_id, infos[0])), files)
        paths += files
    return paths, []


def _picture_name(group: Group, groups: Sequence[Group]) -> str:
    """The name of a group's picture: of the first one `frontier`, of others with that in which groups differ."""
    if group is groups[0]:
        return "frontier"
    parts = []
    if len({one.environment_id for one in groups}) > 1:
        parts += [str(backend) for backend in group.rows["backend"].unique()]
    parts += group.apart
    if len({(one.batch, one.latency_kind) for one in groups}) > 1:
        parts.append(f"b{group.batch}-{group.latency_kind}")
    return "-".join(["frontier", *parts])


def caption(group: Group, info: RunInfo) -> str:
    """The environment on one line, as in `a processor, 2 threads, onnxruntime 1.30.0, fp32, 2026-01-31`."""
    rows = group.rows
    facts = [
        info.device,
        *rows["runtime"].unique(),
        *rows["precision_effective"].unique(),
        "seeded weights" if (rows["weights"] == PROBE).any() else "",
        unknown_data(group),
        f"{rows['measured_at'].max():%Y-%m-%d}",
        f"environment {group.environment_id}",
    ]
    return ", ".join(str(fact) for fact in facts if fact)
