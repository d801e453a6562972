"""The rows and the document of the table; the networks run in tests of the backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import openvino_int8 as table
from converters.verify import Agreement
from harness.backends.openvino.executed import ExecutedLayer
from harness.errors import HarnessError
from harness.records.series import Series

FIXED = {"library": "openvino 2026.4", "onnxruntime": "onnxruntime 1.30", "exact": "yes", "machine": "two cores"}
LAYERS = [
    ExecutedLayer("stem", "Convolution", "u8", "brgconv_I8", 0),
    ExecutedLayer("a", "Eltwise", "f32", "jit", 1),
    ExecutedLayer("head", "FullyConnected", "f32", "brgemm_f32", 2),
]


def agreement(relative_l2: float) -> Agreement:
    return Agreement("natural", 8, relative_l2, 1.0, 0.875)


def series(model: str = "a/x") -> Series:
    source, _, variant = model.partition("/")
    return Series(model, source, variant, "openvino", "int8", 1, artifact_sha256="0123456789abcdef" * 4)


def row(one: Series, found: table.Computed | HarnessError | None = None) -> dict[str, Any]:
    computed = table.Computed(LAYERS, agreement(0.02), agreement(0.03), agreement(0.01))
    made = table.row_of(one, found or computed, FIXED, Path("/home/me/cache"))
    assert tuple(made) == table.COLUMNS
    return {name: str(value) for name, value in made.items()}


def test_a_row_counts_what_ran_as_integers() -> None:
    found = row(series())
    assert (found["products"], found["integer_products"]) == ("2", "1")
    assert found["others"] == "FullyConnected head brgemm_f32"
    assert (found["fp32_relative_l2"], found["ort_relative_l2"], found["ort_top1"]) == (
        "2.000e-02",
        "3.000e-02",
        "0.875",
    )


def test_a_failure_names_no_folder_of_this_machine() -> None:
    found = row(series(), HarnessError("/home/me/cache/model.onnx\nis broken"))
    assert (found["status"], found["reason"], found["products"]) == ("failed", "CACHE/model.onnx is broken", "")


def test_the_document_has_every_model_and_counts_an_artifact_once() -> None:
    same = row(series("a/y")) | {"same_as": "a/x"}
    failed = row(series("b/z"), HarnessError("no operator")) | {"artifact_sha256": "f"}
    text = table.document([row(series()), same, failed], "table.csv")
    assert "- 3 models, 2 artifacts; 1 ran.\n" in text
    assert "- 1 of 2 convolutions and products ran as integers; in 0 artifacts all.\n" in text
    assert "- a/x: FullyConnected head brgemm_f32\n" in text
    assert "| a/y (same as a/x) | 1 of 2 | 2.0% | 88% | 3.0% | 88% | 1.0% |" in text
    assert "| b/z | failed: no operator | | | | | |" in text
    assert "are exact there" in text
