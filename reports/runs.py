"""Several run directories read as one table: runs of one environment are merged, others kept apart."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.records.directory import RESULTS_NAME, load_series
from harness.records.run_info import FIXED_SETTINGS, RUN_INFO_NAME, RunInfo, load_run_info
from harness.records.schema import COLUMN_NAMES
from harness.records.series import Series
from harness.records.table import load_rows
from reports.errors import ReportError
from reports.records import records

if TYPE_CHECKING:
    import pandas

# The columns that make two rows the same series, as in `harness.records.series`.
_SERIES = ["environment_id", "model", "artifact_sha256", "backend", "graph", "precision", "batch"]
_TOP1 = "accuracy_measured_top1_percent"
_STATED = (
    "accuracy_published_top1_percent", "accuracy_published_top5_percent", "accuracy_published_source",
    "accuracy_published_training_data", "accuracy_published_teacher",
)  # fmt: skip
_MEASURED = [name for name in COLUMN_NAMES if name.startswith("accuracy_") and name not in _STATED]


@dataclasses.dataclass(frozen=True)
class Run:
    """One run directory."""

    directory: Path
    info: RunInfo
    rows: pandas.DataFrame
    series: tuple[Series, ...] = ()
    """The series of the rows, with what results.csv does not have of them."""


@dataclasses.dataclass(frozen=True)
class Runs:
    """The merged content of the directories."""

    members: tuple[Run, ...]
    rows: pandas.DataFrame
    """One row per series and environment, in order of the directories: the newest if several have it, with the
    accuracy from another if it has none."""
    notes: tuple[str, ...]
    """Which runs were merged, for the reader of the report."""

    @property
    def stated(self) -> dict[str, Series]:
        """By the names of the models: a series with the latencies that the release states, or what it searched for.

        Models without either are left out, and runs of versions that did not keep them have none.
        """
        series = (one for run in self.members for one in run.series)
        return {one.model: one for one in series if one.latencies_published or one.searched_for}

    @property
    def infos(self) -> list[RunInfo]:
        """run.json of each run, for each of its environments."""
        return [info for run in self.members for info in run.info.apart()]


def load_runs(directories: Sequence[Path]) -> Runs:
    """Reads run directories.

    Raises:
        ReportError: a directory is not a run directory, nothing is measured yet, or a figure is impossible.
        StorageError: a file cannot be read, is damaged or has another schema version.
    """
    unique = list(dict.fromkeys(directory.resolve() for directory in directories))
    runs = merged([_load(directory) for directory in unique])
    rows = runs.rows
    if ((rows["status"] == "skipped") & rows[_TOP1].isna()).all():
        raise ReportError(
            f"Nothing is measured yet in {', '.join(map(str, directories))}. Repeat the command of the run: it "
            "resumes where it stopped."
        )
    return runs


def _load(directory: Path) -> Run:
    results = directory / RESULTS_NAME
    if not (directory / RUN_INFO_NAME).is_file():
        raise ReportError(
            f"{directory} is not a run directory: it has no {RUN_INFO_NAME}. Give the --output of an earlier run."
        )
    if not results.is_file():
        raise ReportError(f"{directory} holds no {RESULTS_NAME}: nothing is measured yet. Start its run again.")
    # The table first: its error about another schema version says what to do with old figures.
    rows = load_rows(results)
    _check_figures(results, rows)
    return Run(directory, load_run_info(directory), rows, tuple(load_series(directory).values()))


def _check_figures(path: Path, rows: pandas.DataFrame) -> None:
    """Refuses an ok row whose latency is not a positive number: it could be neither drawn nor ranked."""
    for line, row in enumerate(records(rows[["model", "status", "latency_median_ms"]]), start=2):
        latency_ms = row["latency_median_ms"]
        if row["status"] == "ok" and not (latency_ms is not None and 0 < latency_ms < math.inf):
            raise ReportError(
                f"{path}:{line}: {row['model']} is ok, but its latency_median_ms is {latency_ms}, which is not a "
                "time. The file was edited; repeat the run's command to rebuild it from its trials."
            )


def merged(members: Sequence[Run]) -> Runs:
    """The rows of several runs as one table."""
    import pandas

    frames = [run.rows for run in members if not run.rows.empty]
    if not frames:
        return Runs(tuple(members), members[0].rows, ())
    rows = pandas.concat(frames, ignore_index=True)
    newest = rows.sort_values("measured_at", na_position="first", kind="stable")
    kept = rows.loc[newest.index[~newest[_SERIES].duplicated(keep="last")].sort_values()].reset_index(drop=True)
    return Runs(tuple(members), _with_measured_accuracy(kept, rows), tuple(_notes(members)))


def _with_measured_accuracy(kept: pandas.DataFrame, rows: pandas.DataFrame) -> pandas.DataFrame:
    """The kept rows, with the accuracy measured for the same artifact in another run of `rows`."""
    import pandas

    measured = rows[rows[_TOP1].notna()].drop_duplicates(_SERIES, keep="last").set_index(_SERIES)
    series = pandas.MultiIndex.from_frame(kept[_SERIES])
    lacking = kept[_TOP1].isna().to_numpy() & series.isin(measured.index)
    found = measured.loc[series[lacking]]
    filled = kept.copy()
    for name in _MEASURED:
        filled.loc[lacking, name] = found[name].to_numpy()
    return filled


def _notes(members: Sequence[Run]) -> list[str]:
    by_environment: dict[str, list[Run]] = {}
    for run in members:
        for info in run.info.apart():
            by_environment.setdefault(info.environment_id, []).append(run)
    notes = []
    for environment_id, runs in by_environment.items():
        if len(runs) == 1:
            continue
        names = ", ".join(run.directory.name for run in runs)
        note = (
            f"{names} are from one environment ({environment_id}) and shown as one; for each series the newest row "
            "counts, with the accuracy from another run if it has none."
        )
        settings = [run.info.settings for run in runs]
        differing = [name for name in FIXED_SETTINGS if any(s.get(name) != settings[0].get(name) for s in settings)]
        if differing:
            note += f" They were measured with different settings: {', '.join(differing)}."
        notes.append(note)
    return notes
