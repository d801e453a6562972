"""The precision that an ONNX file computes in, read from its graph alone.

It is what is requested of the runtime for a file of the user; the runtime then shows whether it keeps to it. Unlike
`converters.graph_precision`, which infers the type of every tensor of a graph that is converted here, it needs no onnx.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.files.onnx_graph import OnnxGraph, OnnxNode

# Operators that multiply integers, some of which quantise what they take themselves.
_INTEGER = (
    *("ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul", "QGemm", "MatMulIntegerToFloat", "QAttention"),
    *("DynamicQuantizeMatMul", "DynamicQuantizeLSTM"),
)
# The same, and those that quantise what the next one multiplies. A DequantizeLinear alone only stores weights in fewer
# bits.
_QUANTISING = ("QuantizeLinear", "DynamicQuantizeLinear", *_INTEGER)
_RECURRENT = ("LSTM", "GRU", "RNN")
_ARITHMETIC = ("Conv", "ConvTranspose", "Gemm", "MatMul", "FusedConv", "FusedMatMul", "FusedGemm", "Attention")
_PRECISIONS = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32", "float64": "fp64"}

# Operators whose output has the type of their first input, and which exporters put between weights and a product.
_REARRANGING = ("Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Mul")


def file_precision(graph: OnnxGraph) -> str:
    """Returns `int8` if anything is quantised, else the precision of the weights that are multiplied.

    Weights that are only rearranged on the way count; those that other nodes compute, as by a cast, do not. Without
    any, the inputs do. `fp32` if neither says otherwise.
    """
    if any(node.operator in _QUANTISING for node in graph.nodes):
        return "int8"
    found = set(_of_products(graph)) - {""} or {_PRECISIONS.get(value.dtype, "") for value in graph.inputs}
    return next((precision for precision in ("fp16", "bf16") if precision in found), "fp32")


def products_beside(graph: OnnxGraph, precision: str) -> int:
    """Number of convolutions and matrix products that the graph itself does not state in a precision.

    Products of values that the graph computes have no precision of their own: they are not quantised, and otherwise do
    not count.
    """
    return sum(found != precision and (found != "" or precision == "int8") for found in _of_products(graph))


def _of_products(graph: OnnxGraph) -> list[str]:
    """The precision of every convolution and matrix product; empty for one whose weights are computed."""
    makers = {name: node for node in graph.nodes for name in node.outputs}
    dequantised = {name for name, node in makers.items() if node.operator == "DequantizeLinear"}
    found = []
    for node in graph.nodes:
        if node.operator in _INTEGER:
            found.append("int8")
        elif node.operator in (*_ARITHMETIC, *_RECURRENT):
            if dequantised.issuperset(node.inputs[:2]):
                found.append("int8")
            else:
                found += [_PRECISIONS.get(_weights_type(name, graph, makers), "") for name in node.inputs[1:2]]
    return found


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
