"""Rows and runs for the reports."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas
import pytest

from harness.records.run_info import RunInfo
from harness.records.schema import COLUMN_NAMES, SCHEMA_VERSION
from harness.records.table import format_header, format_row, load_rows

MakeRows = Callable[[Sequence[dict[str, Any]]], pandas.DataFrame]
MakeRun = Callable[..., Path]

_DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(COLUMN_NAMES, None),
    "backend": "onnxruntime",
    "precision": "fp32",
    "graph": "native",
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
    """Rows as read from a results.csv; each dict has only the cells of interest."""

    def made(rows: Sequence[dict[str, Any]]) -> pandas.DataFrame:
        path = tmp_path / "made.csv"
        _write_rows(path, rows)
        return load_rows(path)

    return made


def _write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    lines = []
    for row in rows:
        source, _, variant = row["model"].partition("/")
        lines.append(format_row({**_DEFAULTS, "source": source, "variant": variant, **row}))
    path.write_text(format_header() + "".join(lines), encoding="utf-8")


@pytest.fixture
def make_run(tmp_path: Path, run_info: RunInfo) -> MakeRun:
    """Writes a run directory; each row has only the cells of interest, keywords change run.json."""

    def made(name: str, rows: Sequence[dict[str, Any]], **facts: Any) -> Path:
        directory = tmp_path / name
        directory.mkdir()
        info = dataclasses.replace(run_info, **facts)
        (directory / "run.json").write_text(json.dumps(info.to_json()), encoding="utf-8")
        shared = {"environment_id": info.environment_id, "device": info.device}
        _write_rows(directory / "results.csv", [{**shared, **row} for row in rows])
        return directory

    return made


def model_row(index: int, *, factor: float = 1.0, source: str = "", **values: Any) -> dict[str, Any]:
    """The row of one of many made-up models: the higher its index, the slower and mostly the more accurate."""
    latency_ms = factor * 1.5 * 1.13**index
    return {
        "model": f"{source or ('alpha', 'beta', 'gamma')[index % 3]}/net-{index:02}",
        "artifact_sha256": f"{index:064}",
        "latency_median_ms": latency_ms,
        "latency_low_ms": latency_ms * 0.98,
        "latency_high_ms": latency_ms * 1.02,
        "ratio_to_reference": latency_ms / 4,
        "reference_median_ms": 4.0,
        "accuracy_published_top1_percent": 66.0 + 0.5 * index - (index % 4),
        "exporter": "torch.onnx.export dynamo 2.14.1",
        "verification_relative_l2": 1e-6,
        "blocks_count": 12,
        "blocks_contaminated_count": 0,
        **values,
    }


HOSTILE = "out of memory </script><script>document.title='owned'</script><b>8 GiB</b> | `{{data}}`"


@pytest.fixture
def two_runs(make_run: MakeRun) -> list[Path]:
    """Two environments: 34 models in fp32 on a processor, 33 of them in fp32 and fp16 on a GPU, with failures."""
    on_cpu = [model_row(index) for index in range(34)]
    on_cpu[5]["blocks_contaminated_count"] = 9
    on_cpu.append(
        {"model": "beta/net-99", "status": "out_of_memory", "reason": HOSTILE, "latency_kind": "", "trials_count": 0}
    )
    gpu = {
        "latency_kind": "gpu_compute",
        "backend": "tensorrt",
        "runtime": "tensorrt 10.13.3",
        "provider": "",
        "threads": None,
    }
    on_gpu = []
    for index in range(33):
        # The gamma models are relatively slow there, so that the order changes.
        factor = 0.3 if index % 3 == 2 else 0.1
        single = model_row(index, factor=factor, **gpu, **measured(index, -0.1))
        half = {**model_row(index, factor=factor * 0.55, **gpu), "precision": "fp16", "precision_effective": "fp16"}
        on_gpu += [single, {**half, "artifact_sha256": f"{index + 500:064}", "verification_relative_l2": 2e-3}]
    on_gpu.append(
        {
            "model": "alpha/net-33",
            "status": "unsupported",
            "reason": "no such layer",
            "latency_kind": "",
            **{**gpu, "latency_kind": ""},
        }
    )
    return [
        make_run("cpu", on_cpu),
        make_run("gpu", on_gpu, environment_id="e2", device="a GPU", created_at="2026-02-01T10:00:00+00:00"),
    ]


def measured(index: int, difference_percent: float) -> dict[str, Any]:
    """A measured accuracy for every fifth model of `model_row`."""
    if index % 5:
        return {}
    top1_percent = model_row(index)["accuracy_published_top1_percent"] + difference_percent
    return {
        "accuracy_measured_top1_percent": top1_percent,
        "accuracy_measured_top1_low_percent": top1_percent - 0.4,
        "accuracy_measured_top1_high_percent": top1_percent + 0.4,
    }


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
