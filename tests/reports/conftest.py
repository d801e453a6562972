"""Rows and runs for the reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas
import pytest

from harness.run_info import RunInfo
from harness.schema import COLUMN_NAMES, SCHEMA_VERSION
from harness.table import format_header, format_row, load_rows

MakeRows = Callable[[Sequence[dict[str, Any]]], pandas.DataFrame]

_DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(COLUMN_NAMES, None),
    "backend": "onnxruntime",
    "precision": "fp32",
    "batch": 1,
    "status": "ok",
    "weights": "released",
    "latency_kind": "host",
    "trials_count": 3,
    "trials_failed_count": 0,
    "classes": 1000,
    "parameters": 5_288_548,
    "macs": 385_814_752,
    "precision_effective": "fp32",
    "device": "a processor",
    "runtime": "onnxruntime 1.30.0",
    "provider": "CPUExecutionProvider",
    "threads": 2,
    "environment_id": "e1",
    "measured_at": "2026-01-31T12:00:00+00:00",
    "reference_sha256": "r" * 64,
    "run_seed": 7,
    "schema_version": SCHEMA_VERSION,
}


@pytest.fixture
def make_rows(tmp_path: Path) -> MakeRows:
    """Rows as they are read from a results.csv; each dict says only what is of interest."""

    def made(rows: Sequence[dict[str, Any]]) -> pandas.DataFrame:
        lines = []
        for row in rows:
            source, _, variant = row["model"].partition("/")
            lines.append(format_row({**_DEFAULTS, "source": source, "variant": variant, **row}))
        path = tmp_path / "made.csv"
        path.write_text(format_header() + "".join(lines), encoding="utf-8")
        return load_rows(path)

    return made


@pytest.fixture
def run_info() -> RunInfo:
    return RunInfo(
        environment_id="e1",
        device="a processor",
        environment={"cpu_model": "a processor", "threads": 2, "governor": "performance", "boost": False},
        settings={"precision": "fp32", "batch": 1, "rounds": 3, "timing": {"block_ms": 80.0}, "models": ["all"]},
        seed=7,
        reference_sha256="r" * 64,
        harness_version="0.1.0",
        created_at="2026-01-31T11:59:00+00:00",
    )
