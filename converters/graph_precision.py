"""The precision of a graph's convolutions and matrix products, as the graph states it."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operators that do most of the arithmetic of a convolutional network."""

_QUANTISED = ("ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul")

_NAMES = {
    onnx.TensorProto.FLOAT: "fp32",
    onnx.TensorProto.FLOAT16: "fp16",
    onnx.TensorProto.BFLOAT16: "bf16",
    onnx.TensorProto.DOUBLE: "fp64",
}


def element_types(model: onnx.ModelProto) -> dict[str, int]:
    """Element types of all tensors by name.

    Raises:
        onnx.shape_inference.InferenceError: the types of the graph contradict one another.
    """
    graph = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph
    types = {value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.value_info, *graph.output)}
    return types | {tensor.name: tensor.data_type for tensor in graph.initializer}


def _precision(node: onnx.NodeProto, producers: Mapping[str, str], types: Mapping[str, int]) -> str:
    if node.op_type in _QUANTISED or all(producers.get(name) == "DequantizeLinear" for name in node.input[:2]):
        return "int8"
    return _NAMES.get(types.get(node.input[0], 0), "other")


def graph_precision(model: onnx.ModelProto) -> str:
    """The precisions of a graph's convolutions and matrix products, joined as in `fp16+fp32`.

    An operator whose two factors are both dequantised counts as `int8`: that is how explicit quantisation
    requests integer arithmetic. What a runtime actually does is read back from the runtime.

    Returns:
        `fp32`, `fp16`, `bf16`, `fp64`, `int8`, `other`, or several of them in alphabetical order; empty if
        the graph has no such operator.

    Raises:
        onnx.shape_inference.InferenceError: the types of the graph contradict one another.
    """
    types = element_types(model)
    producers = {name: node.op_type for node in model.graph.node for name in node.output}
    found = {
        _precision(node, producers, types) for node in model.graph.node if node.op_type in (*WEIGHTED, *_QUANTISED)
    }
    return "+".join(sorted(found))


def weights_precisions(model: onnx.ModelProto) -> list[str]:
    """The floating types of the weights that are convolved or multiplied, by themselves, in alphabetical order."""
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    used = {name for node in model.graph.node if node.op_type in WEIGHTED for name in node.input[1:2]}
    return sorted({_NAMES[types[name]] for name in used if types.get(name) in _NAMES})
