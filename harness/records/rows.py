"""Rows of results.csv, built from a series and its trials."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from foundation.wording import one_line
from harness.processes.trial import TrialResult
from harness.records.absence import RowState
from harness.records.accuracy_cells import accuracy_cells
from harness.records.accuracy_result import AccuracyResult
from harness.records.gpu_cells import gpu_cells
from harness.records.schema import COLUMN_NAMES, COLUMNS, SCHEMA_VERSION
from harness.records.series import NOT_IN_ROWS, Series
from harness.records.trial_warnings import trial_warnings
from harness.stats.trials import interval_over_trials, median
from harness.text.wording import number_text

Row = dict[str, Any]
"""A value or None for every column of `harness.records.schema.COLUMNS`, in that order."""


class RowError(Exception):
    """The cells of a row do not fit the schema: a fault of this program, not of the measurement."""


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """The facts that all rows of a run share."""

    environment_id: str
    device: str
    threads: int | None
    seed: int


def build_row(
    series: Series,
    trials: Sequence[TrialResult],
    run: RunFacts,
    accuracy: AccuracyResult | None = None,
    *,
    measured_as: str = "",
) -> Row:
    """The row of one series.

    Args:
        series: what was known about the series before its first trial.
        trials: the finished trials that it shows, oldest first; none if the conversion failed or nothing has
            been measured yet.
        run: what the row shares with all other rows of the run.
        accuracy: its newest evaluation; None if there is none.
        measured_as: model whose trials these are; empty if they are its own.

    Raises:
        RowError: the cells do not fit the schema, which is a fault of this program.
    """
    ok = [trial for trial in trials if trial.status == "ok"]
    failed = [trial for trial in trials if trial.status != "ok"]
    values: Row = {
        **{name: value for name, value in dataclasses.asdict(series).items() if name not in NOT_IN_ROWS},
        **_outcome(series, ok, failed),
        **(_figures(ok, series.batch) if ok else {}),
        **_with_warnings(
            gpu_cells([trial.gpu for trial in ok if trial.gpu]),
            series.warnings,
            accuracy.warnings if accuracy else "",
            trial_warnings(ok),
        ),
        **_provenance(trials, run),
        **accuracy_cells(accuracy, series.accuracy_published_top1_percent),
        "trials_count": len(ok),
        "trials_failed_count": len(failed),
        "measured_as": measured_as if trials else None,
    }
    state = RowState(
        trials_ok_count=len(ok),
        trials_failed_count=len(failed),
        has_artifact=bool(series.artifact_sha256 and series.artifact_path),
        on_gpu=any(trial.gpu for trial in ok),
        accuracy_asked=accuracy is not None,
        accuracy_measured=accuracy is not None and accuracy.measured,
        top5_measured=accuracy is not None and accuracy.top5_correct_count is not None,
        top1_published=series.accuracy_published_top1_percent is not None,
        classes_covered=accuracy is None or accuracy.covers_all_classes,
    )
    return checked_row(values, state)


def checked_row(values: Mapping[str, Any], state: RowState) -> Row:
    """The cells in the order of the schema, which they must fit.

    Args:
        values: the cells by column; an absent cell is empty.
        state: what decides which cells may be empty.

    Raises:
        RowError: a cell has no column, or is empty although its column says that it is not.
    """
    unknown = sorted(set(values) - set(COLUMN_NAMES))
    empty = [
        column.name for column in COLUMNS if values.get(column.name) in (None, "") and not column.may_be_empty(state)
    ]
    faults = [f"no column is named {name}" for name in unknown] + [f"{name} is empty" for name in empty]
    if faults:
        raise RowError(
            f"The row of {values.get('model')} does not fit the schema of results.csv: {', '.join(faults)}. This is a "
            "fault of the harness; the trials are stored in trials.jsonl."
        )
    return {name: values.get(name) for name in COLUMN_NAMES}


def _with_warnings(cells: Row, *texts: str) -> Row:
    """The cells with these warnings before their own."""
    texts = (*texts, cells.get("warnings", ""))
    return {**cells, "warnings": " ".join(filter(None, texts)) or None}


def _outcome(series: Series, ok: Sequence[TrialResult], failed: Sequence[TrialResult]) -> Row:
    if ok:
        reason = ""
        if failed:
            reason = f"{_counted(failed)} of {len(ok) + len(failed)} trials; the newest: {failed[-1].reason}"
        return {"status": "ok", "reason": one_line(reason)}
    if failed:
        return {"status": failed[-1].status, "reason": one_line(failed[-1].reason)}
    if series.status == "ok":
        return {"status": "skipped", "reason": "not measured yet: no trial has finished"}
    return {"status": series.status, "reason": one_line(series.reason)}


def _counted(failed: Sequence[TrialResult]) -> str:
    """How the trials ended, as in `2 timeout, 1 failed`."""
    statuses = [trial.status for trial in failed]
    return ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses))


def _figures(ok: Sequence[TrialResult], batch: int) -> Row:
    latency_ms = median(_numbers(ok, "latency_median_ms"))
    latency_low_ms, latency_high_ms = interval_over_trials(_numbers(ok, "latency_median_ms"))
    ratio_low, ratio_high = interval_over_trials(_numbers(ok, "ratio"))
    return {
        "latency_median_ms": latency_ms,
        "latency_low_ms": latency_low_ms,
        "latency_high_ms": latency_high_ms,
        "ratio_to_reference": _median(ok, "ratio"),
        "ratio_low": ratio_low,
        "ratio_high": ratio_high,
        "throughput_images_per_s": 1000.0 * batch / latency_ms,
        "latency_mean_ms": _median(ok, "latency_mean_ms"),
        "latency_p90_ms": _median(ok, "latency_p90_ms"),
        "latency_p99_ms": _median(ok, "latency_p99_ms"),
        "latency_min_ms": min(_numbers(ok, "latency_min_ms"), default=None),
        "reference_median_ms": _median(ok, "reference_median_ms"),
        "ratio_spread_percent": _median(ok, "ratio_spread_percent"),
        "latency_trials_ms": _listed(ok, "latency_median_ms"),
        "ratio_trials": _listed(ok, "ratio"),
        "reference_trials_ms": _listed(ok, "reference_median_ms"),
        "samples_count": _sum(ok, "samples_count"),
        "blocks_count": _sum(ok, "blocks_count"),
        "blocks_contaminated_count": _sum(ok, "blocks_contaminated_count"),
        "memory_peak_mib": max(_numbers(ok, "memory_peak_mib"), default=None),
        "load_s": _median(ok, "load_s"),
        "first_inference_ms": _median(ok, "first_inference_ms"),
        "cpu_energy_mj": _median(ok, "cpu_energy_mj"),
        "module_energy_mj": _median(ok, "module_energy_mj"),
    }


def _provenance(trials: Sequence[TrialResult], run: RunFacts) -> Row:
    row: Row = {
        "device": run.device,
        "threads": run.threads,
        "environment_id": run.environment_id,
        "run_seed": run.seed,
        "schema_version": SCHEMA_VERSION,
    }
    for trial in trials:
        row["measured_at"] = trial.started_at
        for name in (
            "latency_kind",
            "precision_effective",
            "runtime",
            "provider",
            "input_digest",
            "reference_sha256",
        ):
            # A trial that failed early knows less than its predecessors; it erases nothing.
            row[name] = getattr(trial, name) or row.get(name)
    return row


def _numbers(trials: Sequence[TrialResult], name: str) -> list[float]:
    values = (getattr(trial, name) for trial in trials)
    return [value for value in values if value is not None]


def _median(trials: Sequence[TrialResult], name: str) -> float | None:
    numbers = _numbers(trials, name)
    return median(numbers) if numbers else None


def _listed(trials: Sequence[TrialResult], name: str) -> str:
    """One number per trial, with the digits of a cell."""
    return " ".join(number_text(value) for value in _numbers(trials, name))


def _sum(trials: Sequence[TrialResult], name: str) -> int:
    return sum(getattr(trial, name) or 0 for trial in trials)
