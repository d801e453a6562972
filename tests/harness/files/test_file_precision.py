"""The precision of a user's file, from graphs as exporters and quantisers write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.files.file_precision import file_precision, products_beside
from harness.files.onnx_graph import OnnxGraph, OnnxNode, read_graph


def network(folder: Path, weights: Any, *, element: int = TensorProto.FLOAT, before: tuple[Any, ...] = ()) -> Path:
    """A product with weights, after other nodes that make `kernel` or change `input`."""
    inputs = [helper.make_tensor_value_info("input", element, [1, 4])]
    outputs = [helper.make_tensor_value_info("logits", element, [1, 2])]
    product = helper.make_node("MatMul", ["input", "kernel"], ["logits"])
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph([*before, product], "net", inputs, outputs, constants)
    path = folder / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


SINGLE, HALF = np.ones((4, 2), np.float32), np.ones((4, 2), np.float16)
SCALE, ZERO = np.float32(0.1), np.int8(0)


def found(path: Path) -> str:
    return file_precision(read_graph(path))


def test_the_weights_of_products_decide(tmp_path: Path) -> None:
    assert found(network(tmp_path, {"kernel": SINGLE})) == "fp32"
    assert found(network(tmp_path, {"kernel": HALF}, element=TensorProto.FLOAT16)) == "fp16"
    # A table of indices in float16 beside weights in float32 does not make it a float16 network.
    assert found(network(tmp_path, {"kernel": SINGLE, "table": HALF})) == "fp32"


def test_weights_that_are_computed_leave_it_to_the_input(tmp_path: Path) -> None:
    cast = helper.make_node("Cast", ["stored"], ["kernel"], to=TensorProto.FLOAT)
    assert found(network(tmp_path, {"stored": HALF}, before=(cast,))) == "fp32"
    for element, precision in ((TensorProto.FLOAT16, "fp16"), (TensorProto.BFLOAT16, "bf16")):
        narrow = helper.make_node("Cast", ["stored"], ["kernel"], to=element)
        assert found(network(tmp_path, {"stored": SINGLE}, element=element, before=(narrow,))) == precision


def test_weights_that_are_rearranged_or_constants_of_nodes_decide(tmp_path: Path) -> None:
    """The input is float32 and cast, so that only the weights show that the product is in float16."""
    for nodes in (
        [helper.make_node("Transpose", ["stored"], ["kernel"])],
        [
            helper.make_node("Identity", ["stored"], ["same"]),
            helper.make_node("Reshape", ["same", "shape"], ["kernel"]),
        ],
        [helper.make_node("Constant", [], ["kernel"], value=numpy_helper.from_array(HALF))],
    ):
        stored = {"stored": HALF, "shape": np.array([4, 2])}
        assert found(network(tmp_path, stored, before=tuple(nodes))) == "fp16"


def test_a_graph_in_circles_is_read_all_the_same(tmp_path: Path) -> None:
    circle = helper.make_node("Identity", ["kernel"], ["kernel"])
    assert found(network(tmp_path, {}, before=(circle,))) == "fp32"


@pytest.mark.parametrize(
    "operator",
    ["QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "MatMulInteger", "DynamicQuantizeLSTM", "QAttention"],
)
def test_quantised_activations_are_int8(tmp_path: Path, operator: str) -> None:
    quantise = helper.make_node(operator, ["input", "scale", "zero"], ["quantised"])
    assert found(network(tmp_path, {"kernel": SINGLE, "scale": SCALE, "zero": ZERO}, before=(quantise,))) == "int8"


def test_weights_that_are_only_stored_in_int8_are_not(tmp_path: Path) -> None:
    stored = {"stored": np.ones((4, 2), np.int8), "scale": SCALE, "zero": ZERO}
    widen = helper.make_node("DequantizeLinear", ["stored", "scale", "zero"], ["kernel"])
    assert found(network(tmp_path, stored, before=(widen,))) == "fp32"


def chain(*nodes: tuple[str, str], weights: dict[str, str]) -> OnnxGraph:
    """A graph of operators, each of which takes the one before and its own weights."""
    made = [
        OnnxNode(operator, f"n{index}", "", (f"v{index}", name), (f"v{index + 1}",))
        for index, (operator, name) in enumerate(nodes)
    ]
    return OnnxGraph(8, 17, tuple(made), weights=weights)


@pytest.mark.parametrize(
    ("nodes", "precision", "beside"),
    [
        ([("ConvInteger", "i"), ("Conv", "f"), ("Conv", "f")], "int8", 2),
        ([("MatMulInteger", "i"), ("MatMul", "computed")], "int8", 1),
        ([("DynamicQuantizeLSTM", "i"), ("LSTM", "f"), ("Relu", "")], "int8", 1),
        ([("QLinearConv", "i")], "int8", 0),
        ([("Conv", "h"), ("Conv", "f"), ("MatMul", "computed")], "fp16", 1),
        ([("Conv", "h"), ("ConvInteger", "i")], "fp16", 1),
        ([("Conv", "f")], "fp32", 0),
    ],
)
def test_products_of_another_precision_are_counted(nodes: list[tuple[str, str]], precision: str, beside: int) -> None:
    graph = chain(*nodes, weights={"i": "int8", "f": "float32", "h": "float16"})
    assert products_beside(graph, precision) == beside


def test_products_of_dequantised_values_are_int8(tmp_path: Path) -> None:
    quantise = helper.make_node("QuantizeLinear", ["input", "scale", "zero"], ["q"])
    steps = [
        quantise,
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["x"]),
        helper.make_node("DequantizeLinear", ["stored", "scale", "zero"], ["kernel"]),
        helper.make_node("MatMul", ["x", "kernel"], ["y"]),
    ]
    stored = {"stored": np.ones((4, 2), np.int8), "scale": SCALE, "zero": ZERO}
    graph = read_graph(network(tmp_path, stored, before=tuple(steps)))
    # The one product takes dequantised values, the other takes the input itself.
    assert products_beside(graph, "int8") == 1
