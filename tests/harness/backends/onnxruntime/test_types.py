from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from harness.backends.onnxruntime.types import is_float32

WriteNetwork = Callable[..., Path]


@pytest.mark.parametrize(
    ("weight_type", "expected"), [(TensorProto.FLOAT, True), (TensorProto.FLOAT16, False), (TensorProto.DOUBLE, False)]
)
def test_convolutions_have_the_type_of_their_input(
    write_network: WriteNetwork, weight_type: int, expected: bool
) -> None:
    assert is_float32(write_network(weight_type=weight_type)) is expected


def write(path: Path, nodes: list[onnx.NodeProto]) -> Path:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 2]) for name in ("input", "output")]
    graph = helper.make_graph(nodes, "typed", values[:1], values[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def test_one_product_of_another_type_is_enough(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["input", "input"], ["first"]),
        helper.make_node("Cast", ["first"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("MatMul", ["half", "half"], ["second"]),
        helper.make_node("Cast", ["second"], ["output"], to=TensorProto.FLOAT),
    ]
    assert not is_float32(write(tmp_path / "mixed.onnx", nodes))


def test_a_quantised_graph_may_be_computed_in_integers(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["input"], ["q", "scale", "zero"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["back"]),
        helper.make_node("MatMul", ["back", "input"], ["output"]),
    ]
    assert not is_float32(write(tmp_path / "quantised.onnx", nodes))


def test_a_type_that_cannot_be_inferred_may_be_any(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Mystery", ["input"], ["strange"], domain="mine"),
        helper.make_node("MatMul", ["strange", "strange"], ["output"]),
    ]
    assert not is_float32(write(tmp_path / "mystery.onnx", nodes))


def test_a_graph_without_arithmetic_has_no_precision(tiny_onnx: Callable[..., Path]) -> None:
    assert not is_float32(tiny_onnx())
