"""Made-up runs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.comparison import gate_setup
from harness.comparison.pair import Conditions, Pairing, PairResult
from harness.records.schema import COLUMN_NAMES, SCHEMA_VERSION

WriteRun = Callable[..., Path]

FACTS: dict[str, Any] = {
    "backend": "onnxruntime",
    "precision": "fp32",
    "batch": 1,
    "status": "ok",
    "environment_id": "0123456789ab",
    "device": "Some processor, 2 threads",
    "latency_kind": "host",
    "schema_version": SCHEMA_VERSION,
}


def row(model: str, ratios: Sequence[float], **changes: Any) -> dict[str, Any]:
    """A row of results.csv whose reference network takes 4 ms in every trial."""
    return {
        **FACTS,
        "model": model,
        "ratio_trials": " ".join(f"{ratio:.6g}" for ratio in ratios),
        "latency_trials_ms": " ".join(f"{4 * ratio:.6g}" for ratio in ratios),
        "reference_trials_ms": " ".join("4" for _ in ratios),
        **changes,
    }


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = COLUMN_NAMES) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """Writes rows to `<name>/results.csv` and returns the run directory."""

    def write(name: str, *rows: Mapping[str, Any]) -> Path:
        directory = tmp_path / name
        directory.mkdir()
        write_rows(directory / "results.csv", rows)
        return directory

    return write


@pytest.fixture
def make_row() -> Callable[..., dict[str, Any]]:
    return row


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], list[int]]:
    """Has Ctrl-C pressed in the pair of this number, counted from 1; the list gets the seeds of all pairs."""
    seeds: list[int] = []

    def stop(number: int | None) -> list[int]:
        def measured(pairing: Pairing, conditions: Conditions, *, seed: int, **_: object) -> PairResult:
            if number == len(seeds) + 1:
                raise KeyboardInterrupt
            seeds.append(seed)
            return PairResult("ok", log_ratio=seed % 7 / 1000, base_median_ms=1.0, new_median_ms=1.0)

        monkeypatch.setattr(gate_setup, "measure_pair", measured)
        return seeds

    return stop
