"""What distinguishes several rows of one model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas
import pytest

from reports.variants import column_texts, column_title, telling_columns

MakeRows = Callable[[list[dict[str, Any]]], pandas.DataFrame]

_ROW = {"model": "a/x", "latency_median_ms": 5.0, "exporter": "torch.onnx.export dynamo 2.14.1", "opset": 18}


@pytest.mark.parametrize(
    ("column", "values", "texts"),
    [
        (
            "exporter",
            ["torch.onnx.export torchscript 2.14.1", "tf2onnx 1.17.0"],
            ["torchscript 2.14.1", "tf2onnx 1.17.0"],
        ),
        ("opset", [17, None], ["17", ""]),
        ("weights", ["probe", "released"], ["probe", "released"]),
        ("implementation", ["own", "release"], ["own", "release"]),
        ("artifact_sha256", ["0123456789" * 2, "abcdef0123" * 2], ["01234567", "abcdef01"]),
    ],
)
def test_rows_of_one_model_are_distinguished_by_what_differs(
    make_rows: MakeRows, column: str, values: list[Any], texts: list[str]
) -> None:
    rows = make_rows([{**_ROW, column: value} for value in values])
    assert telling_columns(rows) == [column]
    assert column_texts(rows, column) == texts


def test_different_models_and_precisions_need_no_distinction(make_rows: MakeRows) -> None:
    other = {**_ROW, "exporter": "tf2onnx 1.17.0"}
    rows = make_rows([_ROW, {**other, "model": "a/y"}, {**other, "precision": "fp16"}, {**other, "batch": 8}])
    assert telling_columns(rows) == []


def test_titles_are_what_a_reader_calls_them() -> None:
    assert [column_title(name) for name in ("exporter", "artifact_sha256")] == ["exporter", "artifact"]
