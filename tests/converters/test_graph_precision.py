from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from converters.graph_precision import graph_precision


def graph(nodes, constants=(), kind=TensorProto.FLOAT):
    values = [helper.make_tensor_value_info(name, kind, None) for name in ("input", "logits")]
    made = helper.make_graph(nodes, "g", values[:1], values[1:], list(constants))
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def weight(name, dtype=np.float32):
    return numpy_helper.from_array(np.ones((4, 4), dtype), name)


def matmul(x, w, y):
    return helper.make_node("MatMul", [x, w], [y])


@pytest.mark.parametrize(
    ("kind", "dtype", "expected"),
    [
        (TensorProto.FLOAT, np.float32, "fp32"),
        (TensorProto.FLOAT16, np.float16, "fp16"),
        (TensorProto.DOUBLE, np.float64, "fp64"),
        (TensorProto.INT32, np.int32, "other"),
    ],
)
def test_a_graph_of_one_type_is_of_one_precision(kind, dtype, expected):
    assert graph_precision(graph([matmul("input", "w", "logits")], [weight("w", dtype)], kind)) == expected


def test_an_island_is_named():
    nodes = [
        matmul("input", "w", "a"),
        helper.make_node("Cast", ["a"], ["b"], to=TensorProto.FLOAT16),
        matmul("b", "half", "c"),
        helper.make_node("Cast", ["c"], ["logits"], to=TensorProto.FLOAT),
    ]
    assert graph_precision(graph(nodes, [weight("w"), weight("half", np.float16)])) == "fp16+fp32"


def dequantised(x, y):
    return [
        helper.make_node("QuantizeLinear", [x, "scale", "zero"], [f"{y}_int8"]),
        helper.make_node("DequantizeLinear", [f"{y}_int8", "scale", "zero"], [y]),
    ]


CONSTANTS = [
    weight("w"),
    numpy_helper.from_array(np.float32(0.1).reshape(()), "scale"),
    numpy_helper.from_array(np.int8(0).reshape(()), "zero"),
]


def test_a_product_of_two_dequantised_factors_is_int8():
    nodes = [*dequantised("input", "x"), *dequantised("w", "v"), matmul("x", "v", "logits")]
    assert graph_precision(graph(nodes, CONSTANTS)) == "int8"


def test_a_product_of_one_dequantised_factor_is_not():
    nodes = [*dequantised("input", "x"), matmul("x", "w", "logits")]
    assert graph_precision(graph(nodes, CONSTANTS)) == "fp32"


def test_a_graph_without_arithmetic_has_none():
    assert graph_precision(graph([helper.make_node("Relu", ["input"], ["logits"])])) == ""


def test_contradicting_types_are_an_error():
    model = graph([matmul("input", "w", "logits")], [weight("w", np.float16)])
    with pytest.raises(onnx.shape_inference.InferenceError):
        graph_precision(model)
