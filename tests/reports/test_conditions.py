from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas

from reports.conditions import conditions_section

MakeRows = Callable[[list[dict[str, Any]]], pandas.DataFrame]


def lines(rows: pandas.DataFrame) -> list[str]:
    parts = conditions_section(rows)
    return parts[1].splitlines()[2:] if parts else []


def test_rows_without_conditions_have_no_section(make_rows: MakeRows) -> None:
    assert conditions_section(make_rows([{"model": "a/b"}])) == []


def test_each_condition_is_stated_once_with_its_rows(make_rows: MakeRows) -> None:
    rows = [
        {"model": "onnx/a", "warnings": "It draws | random numbers."},
        {"model": "onnx/b", "inputs": "0:255", "warnings": "It draws | random numbers."},
        {"model": "own/c", "accuracy_preprocessing": "squash to 224"},
        {"model": "onnx/d", "status": "failed", "warnings": "Input 'x' is fixed at 1x3x8x8."},
    ]
    assert lines(make_rows(rows)) == [
        "| It draws \\| random numbers. | `onnx/a`, `onnx/b` |",
        "| Input 'x' is fixed at 1x3x8x8. | `onnx/d` |",
        "| Latency: the inputs held 0:255 | `onnx/b` |",
        "| Accuracy: images prepared by squash to 224 | `own/c` |",
    ]


def test_of_many_rows_some_are_named(make_rows: MakeRows) -> None:
    (line,) = lines(make_rows([{"model": f"a/{index}", "warnings": "Same."} for index in range(9)]))
    assert line == "| Same. | `a/0`, `a/1`, `a/2`, `a/3`, `a/4` and 4 more |"


def test_precisions_tell_rows_apart(make_rows: MakeRows) -> None:
    rows = [
        {"model": "a/b", "precision": "int8", "warnings": "Generated images."},
        {"model": "a/b", "precision": "fp32"},
    ]
    assert lines(make_rows(rows)) == ["| Generated images. | `a/b` int8 |"]


def test_a_long_condition_is_whole(make_rows: MakeRows) -> None:
    text = "It draws random numbers. " * 40
    (line,) = lines(make_rows([{"model": "a/b", "warnings": text}]))
    assert line == f"| {text.strip()} | `a/b` |"
