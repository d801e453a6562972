"""Merged rows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest

import zoo
from reports.csv_files import TIMM_COLUMNS, crop_fraction, results_csv, timm_csv
from reports.runs import load_runs

MakeRows = Callable[[list[dict[str, Any]]], pandas.DataFrame]


def test_a_single_run_comes_out_as_it_went_in(two_runs: list[Path]) -> None:
    for run in two_runs:
        assert results_csv(load_runs([run]).rows) == (run / "results.csv").read_text(encoding="utf-8")


def test_runs_are_merged_into_one_table(two_runs: list[Path]) -> None:
    lines = results_csv(load_runs(two_runs).rows).splitlines()
    assert len(lines) == 1 + sum(
        len((run / "results.csv").read_text(encoding="utf-8").splitlines()) - 1 for run in two_runs
    )


def _timm(make_rows: MakeRows, *rows: dict[str, Any]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(timm_csv(make_rows(list(rows))))))


def test_timms_columns(make_rows: MakeRows) -> None:
    row = {
        "model": "efficientnet/tf_efficientnet_b2", "latency_median_ms": 7.5, "throughput_images_per_s": 133.25,
        "resolution": 260, "accuracy_published_top1_percent": 80.0, "accuracy_published_top5_percent": 95.0,
        "parameters": 9_109_994, "macs": 993_000_000,
    }  # fmt: skip
    (line,) = _timm(make_rows, row)
    preprocessing = zoo.card("efficientnet/tf_efficientnet_b2").preprocessing
    assert tuple(line) == TIMM_COLUMNS
    assert (line["top1"], line["top1_err"], line["top5"], line["top5_err"]) == ("80", "20", "95", "5")
    assert (line["param_count"], line["img_size"], line["infer_gmacs"]) == ("9.10999", "260", "0.993")
    assert (line["infer_step_time"], line["infer_samples_per_sec"], line["infer_batch_size"]) == ("7.5", "133.25", "1")
    assert line["interpolation"] == preprocessing.interpolation == "bicubic"
    assert float(line["crop_pct"]) == pytest.approx(crop_fraction(preprocessing), rel=1e-5)
    assert line["accuracy_kind"] == "published"


def test_a_measured_accuracy_takes_precedence_over_the_published_one(make_rows: MakeRows) -> None:
    row = {
        "model": "a/x",
        "latency_median_ms": 5.0,
        "accuracy_published_top1_percent": 80.0,
        "accuracy_published_top5_percent": 95.0,
    }
    measured = {**row, "accuracy_measured_top1_percent": 79.5, "accuracy_measured_top5_percent": 94.5}
    (line,) = _timm(make_rows, measured)
    assert (line["top1"], line["top5"], line["accuracy_kind"]) == ("79.5", "94.5", "measured")


def test_a_network_of_a_library_has_the_preprocessing_of_its_package(make_rows: MakeRows) -> None:
    pytest.importorskip("torchvision")
    (line,) = _timm(make_rows, {"model": "torchvision/inception_v3", "latency_median_ms": 5.0})
    assert (line["crop_pct"], line["interpolation"]) == ("0.874269", "bilinear")
    (line,) = _timm(make_rows, {"model": "torchvision/of_another_version", "latency_median_ms": 5.0})
    assert (line["crop_pct"], line["interpolation"]) == ("", "")


def test_a_user_network_has_empty_cells_and_a_failed_row_no_line(make_rows: MakeRows) -> None:
    own = {"model": "onnx/mine", "latency_median_ms": 5.0, "parameters": None, "macs": None}
    (line,) = _timm(make_rows, own, {"model": "a/x", "status": "failed"})
    assert line["model"] == "onnx/mine"
    assert {
        line[name] for name in ("top1", "top1_err", "top5", "param_count", "crop_pct", "interpolation", "infer_gmacs")
    } == {""}


def test_the_crop_of_every_card_is_a_fraction() -> None:
    fractions = {card.name: crop_fraction(card.preprocessing) for card in zoo.cards()}
    assert {name for name, fraction in fractions.items() if fraction is None or not 0.5 < fraction <= 1} == set()
