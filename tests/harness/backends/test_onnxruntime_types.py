from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from harness.backends.onnxruntime_types import bound_precision

WriteNetwork = Callable[..., Path]


@pytest.mark.parametrize(
    ("weight_type", "expected"),
    [(TensorProto.FLOAT, "fp32"), (TensorProto.FLOAT16, "fp16"), (TensorProto.DOUBLE, "fp64")],
)
def test_convolutions_have_the_type_of_their_input(
    write_network: WriteNetwork, weight_type: int, expected: str
) -> None:
    assert bound_precision(write_network(weight_type=weight_type)) == expected


def write(path: Path, nodes: list[onnx.NodeProto]) -> Path:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 2]) for name in ("input", "output")]
    graph = helper.make_graph(nodes, "typed", values[:1], values[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def test_several_types_are_joined(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["input", "input"], ["first"]),
        helper.make_node("Cast", ["first"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("MatMul", ["half", "half"], ["second"]),
        helper.make_node("Cast", ["second"], ["output"], to=TensorProto.FLOAT),
    ]
    assert bound_precision(write(tmp_path / "mixed.onnx", nodes)) == "fp16+fp32"


def test_a_quantised_graph_binds_to_nothing(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["input"], ["q", "scale", "zero"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["back"]),
        helper.make_node("MatMul", ["back", "input"], ["output"]),
    ]
    assert bound_precision(write(tmp_path / "quantised.onnx", nodes)) == "unknown"


def test_a_type_that_cannot_be_inferred_is_unknown(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Mystery", ["input"], ["strange"], domain="mine"),
        helper.make_node("MatMul", ["strange", "strange"], ["output"]),
    ]
    assert bound_precision(write(tmp_path / "mystery.onnx", nodes)) == "unknown"


def test_a_graph_without_arithmetic_binds_to_nothing(tiny_onnx: Callable[..., Path]) -> None:
    assert bound_precision(tiny_onnx()) == "unknown"
