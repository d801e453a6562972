"""Rows of results.csv: what a series and its trials come to."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from foundation.wording import one_line
from harness.processes.trial import TrialResult
from harness.records.accuracy_cells import accuracy_cells
from harness.records.accuracy_result import AccuracyResult
from harness.records.gpu_cells import gpu_cells
from harness.records.schema import COLUMN_NAMES, SCHEMA_VERSION
from harness.records.series import SeriesFacts
from harness.stats.trials import interval_over_trials, median
from harness.text.wording import number_text

Row = dict[str, Any]
"""A value or None for every column of `harness.records.schema.COLUMNS`, in that order."""


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """What all rows of a run have in common."""

    environment_id: str
    device: str
    threads: int | None
    seed: int


def build_row(
    facts: SeriesFacts, trials: Sequence[TrialResult], run: RunFacts, accuracy: AccuracyResult | None = None
) -> Row:
    """The row of one series.

    Args:
        facts: what was known of the series before its first trial.
        trials: its finished trials, oldest first; none where the conversion failed or nothing has
            been measured yet.
        run: what the row shares with all others of the run.
        accuracy: its newest evaluation; None where there was none.
    """
    ok = [trial for trial in trials if trial.status == "ok"]
    failed = [trial for trial in trials if trial.status != "ok"]
    values: Row = {
        **dataclasses.asdict(facts),
        **_outcome(facts, ok, failed),
        **(_figures(ok, facts.batch) if ok else {}),
        **_with_warnings(gpu_cells([trial.gpu for trial in ok if trial.gpu]), facts.warnings),
        **_provenance(trials, run),
        **accuracy_cells(accuracy, facts.accuracy_published_top1_percent),
        "trials_count": len(ok),
        "trials_failed_count": len(failed),
    }
    return {name: values.get(name) for name in COLUMN_NAMES}


def _with_warnings(cells: Row, of_the_artifact: str) -> Row:
    """The cells with what there is to say of the artifact before what there is to say of the trials."""
    return {**cells, "warnings": " ".join(filter(None, (of_the_artifact, cells.get("warnings")))) or None}


def _outcome(facts: SeriesFacts, ok: Sequence[TrialResult], failed: Sequence[TrialResult]) -> Row:
    if ok:
        reason = ""
        if failed:
            reason = f"{_counted(failed)} of {len(ok) + len(failed)} trials; the newest: {failed[-1].reason}"
        return {"status": "ok", "reason": one_line(reason)}
    if failed:
        return {"status": failed[-1].status, "reason": one_line(failed[-1].reason)}
    if facts.status == "ok":
        return {"status": "skipped", "reason": "not measured yet: no trial has finished"}
    return {"status": facts.status, "reason": one_line(facts.reason)}


def _counted(failed: Sequence[TrialResult]) -> str:
    """Say how the trials ended, as in `2 timeout, 1 failed`."""
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
            # A trial that failed early knows less than its predecessors; it takes nothing away.
            row[name] = getattr(trial, name) or row.get(name)
    return row


def _numbers(trials: Sequence[TrialResult], name: str) -> list[float]:
    values = (getattr(trial, name) for trial in trials)
    return [value for value in values if value is not None]


def _median(trials: Sequence[TrialResult], name: str) -> float | None:
    numbers = _numbers(trials, name)
    return median(numbers) if numbers else None


def _listed(trials: Sequence[TrialResult], name: str) -> str:
    """One number a trial, with the digits that a cell has."""
    return " ".join(number_text(value) for value in _numbers(trials, name))


def _sum(trials: Sequence[TrialResult], name: str) -> int:
    return sum(getattr(trial, name) or 0 for trial in trials)
