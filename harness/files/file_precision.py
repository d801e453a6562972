"""The precision that an ONNX file computes in, read from its graph alone.

It is what is requested of the runtime for a file of the user; the runtime then shows whether it keeps to it. Unlike
`converters.graph_precision`, which infers the type of every tensor of a graph that is converted here, it needs no onnx.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.files.onnx_graph import OnnxGraph, OnnxNode

# Operators that compute on integers, or quantise what the next one multiplies. A DequantizeLinear alone only stores
# weights in fewer bits.
_QUANTISING = (
    *("QuantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"),
    *("QLinearConv", "QLinearMatMul", "QGemm", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"),
)
_ARITHMETIC = ("Conv", "ConvTranspose", "Gemm", "MatMul", "FusedConv", "FusedMatMul", "FusedGemm")
_PRECISIONS = {"float16": "fp16", "bfloat16": "bf16"}

# Operators whose output has the type of their first input, and which exporters put between weights and a product.
_REARRANGING = ("Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Mul")


def file_precision(graph: OnnxGraph) -> str:
    """Returns `int8` if anything is quantised, else the precision of the weights that are multiplied.

    Weights that are only rearranged on the way count; those that other nodes compute, as by a cast, do not. Without
    any, the inputs do. `fp32` if neither says otherwise.
    """
    if any(node.operator in _QUANTISING for node in graph.nodes):
        return "int8"
    makers = {name: node for node in graph.nodes for name in node.outputs}
    kinds = {
        kind
        for node in graph.nodes
        if node.operator in _ARITHMETIC
        for name in node.inputs[1:2]
        if (kind := _weights_type(name, graph, makers))
    } or {value.dtype for value in graph.inputs}
    return next((_PRECISIONS[kind] for kind in _PRECISIONS if kind in kinds), "fp32")


def _weights_type(name: str, graph: OnnxGraph, makers: Mapping[str, OnnxNode]) -> str:
    """The element type of weights by the name of a value; empty if it is none."""
    # No more steps than there are nodes, since a damaged file may go round in circles.
    for _ in range(len(graph.nodes) + 1):
        if name in graph.weights:
            return graph.weights[name]
        maker = makers.get(name)
        if maker is not None and maker.operator == "Constant":
            return maker.tensor_type("value")
        if maker is None or maker.operator not in _REARRANGING or not maker.inputs:
            break
        name = maker.inputs[0]
    return ""
