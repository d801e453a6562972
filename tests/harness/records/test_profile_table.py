from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.backends.layers import LayerTime
from harness.errors import StorageError
from harness.records.profile_table import COLUMN_NAMES, layer_rows, load_layers, write_layers

FACTS: dict[str, Any] = {
    "model": "source/NA",
    "backend": "tensorrt",
    "precision_asked": "fp16",
    "precision_effective": "fp16+fp32",
    "batch": 8,
    "inferences": 50,
    "latency_median_ms": 5.0,
    "latency_kind": "gpu_compute",
    "foreign_cores": 0.01,
    "disturbances": "",
    "runtime": "tensorrt 10.16",
    "provider": "a GPU",
    "device": "a GPU",
    "environment_id": "0123456789ab",
    "artifact_sha256": "0" * 64,
    "measured_at": "2026-01-31T12:00:00+00:00",
}
LAYERS = (
    LayerTime(0, 'a "name", with commas', "CaskConvolution", "fp16", 1.0),
    LayerTime(1, "second", "Conv", "", 3.0, "3x3 depthwise", "32x8x8 > 32x4x4"),
    LayerTime(2, "third", "Conv", "fp32", 1.0),
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "layers.csv"
    write_layers(path, layer_rows(LAYERS, FACTS))
    return path


def test_every_column_of_every_layer_is_read_back(written: Path) -> None:
    rows = load_layers(written)
    assert tuple(rows.columns) == COLUMN_NAMES
    first, second, third = rows.to_dict("records")
    assert first["name"] == 'a "name", with commas'
    assert (second["variant"], second["shapes"], second["precision"]) == ("3x3 depthwise", "32x8x8 > 32x4x4", "")
    assert first["model"] == "source/NA"
    assert {row["layers_total_ms"] for row in (first, second, third)} == {5.0}
    assert f"{third['measured_at']:%Y-%m-%d %Z}" == "2026-01-31 UTC"


def test_shares_sum_to_100_and_accumulate_by_rank(written: Path) -> None:
    rows = load_layers(written)
    assert rows["share_percent"].to_list() == pytest.approx([20, 60, 20])
    # Of two equal layers the one that runs first ranks first.
    assert rows["rank"].to_list() == [2, 1, 3]
    assert rows["cumulative_percent"].to_list() == pytest.approx([80, 60, 100])


def test_hundreds_of_layers_still_sum_to_100(tmp_path: Path) -> None:
    layers = tuple(LayerTime(i, f"layer{i}", "Conv", "fp32", 0.001 * (1 + i % 7)) for i in range(700))
    write_layers(tmp_path / "layers.csv", layer_rows(layers, FACTS))
    rows = load_layers(tmp_path / "layers.csv")
    assert rows["share_percent"].sum() == pytest.approx(100, abs=1e-3)
    assert rows["cumulative_percent"].max() == 100


def test_what_is_not_a_profile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("model,backend\n")
    with pytest.raises(StorageError, match=r"does not have the columns of a profile.*layers_total_ms"):
        load_layers(path)
    path.write_text("")
    with pytest.raises(StorageError, match="does not have the columns"):
        load_layers(path)
    with pytest.raises(StorageError, match=r"gone\.csv"):
        load_layers(tmp_path / "gone.csv")


def test_one_file_is_one_profile(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    write_layers(path, layer_rows(LAYERS, FACTS) + layer_rows(LAYERS, {**FACTS, "model": "source/other"}))
    with pytest.raises(StorageError, match="holds 2 profiles"):
        load_layers(path)
    write_layers(path, [])
    with pytest.raises(StorageError, match="holds 0 profiles"):
        load_layers(path)
