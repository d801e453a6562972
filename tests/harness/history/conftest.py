"""Made-up run directories."""

from __future__ import annotations

import csv
import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.history.record import RunRecord, read_records
from harness.records.schema import COLUMN_NAMES, SCHEMA_VERSION

MakeRun = Callable[..., Path]
START = datetime.datetime(2026, 3, 1, 3, tzinfo=datetime.timezone.utc)


def row(model: str, ratios: Sequence[float], **changes: Any) -> dict[str, Any]:
    """A row of results.csv whose reference network takes 4 ms in every trial."""
    return {
        "model": model,
        "backend": "onnxruntime",
        "precision": "fp32",
        "batch": 1,
        "status": "ok",
        "environment_id": "0123456789ab",
        "device": "Some processor, 2 threads",
        "latency_kind": "host",
        "runtime": "onnxruntime 1.30.0",
        "artifact_sha256": "aa",
        "trials_count": len(ratios),
        "trials_failed_count": 0,
        "schema_version": SCHEMA_VERSION,
        "ratio_trials": " ".join(f"{ratio:.6g}" for ratio in ratios),
        "latency_trials_ms": " ".join(f"{4 * ratio:.6g}" for ratio in ratios),
        "reference_trials_ms": " ".join("4" for _ in ratios),
        **changes,
    }


def read_record(directory: Path) -> RunRecord:
    """The record of a run of one environment."""
    (record,) = read_records(directory)
    return record


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Writes the run directory of a day: its facts in run.json, its rows in results.csv."""

    def make(day: int, *rows: Mapping[str, Any], name: str | None = None, **facts: Any) -> Path:
        directory = tmp_path / (name or f"run{day}")
        directory.mkdir(exist_ok=True)
        created_at = (START + datetime.timedelta(days=day)).isoformat(timespec="seconds")
        info = {
            "environment_id": "0123456789ab",
            "device": "Some processor, 2 threads",
            "environment": {"onnxruntime_version": "1.30.0", "threads": 2},
            "settings": {"timing": {"block_ms": 40.0}, "gpu": None, "rounds": 5},
            "seed": day,
            "reference_sha256": "ef",
            "harness_version": "0.1.0",
            "created_at": created_at,
            "schema_version": SCHEMA_VERSION,
            **facts,
        }
        (directory / "run.json").write_text(json.dumps(info))
        with (directory / "results.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMN_NAMES)
            writer.writeheader()
            shared = {"measured_at": created_at, "environment_id": info["environment_id"]}
            writer.writerows({**one, **shared} for one in rows)
        return directory

    return make


@pytest.fixture
def make_recorded_row() -> Callable[..., dict[str, Any]]:
    return row


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"
