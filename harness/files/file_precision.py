"""The precision that an ONNX file computes in, read from its graph alone.

It is what is requested of the runtime for a file of the user; the runtime then shows whether it keeps to it. Unlike
`converters.graph_precision`, which infers the type of every tensor of a graph that is converted here, it needs no onnx.
"""

from __future__ import annotations

from harness.files.onnx_graph import OnnxGraph

# Operators that compute on integers, or quantise what the next one multiplies. A DequantizeLinear alone only stores
# weights in fewer bits.
_QUANTISING = (
    *("QuantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"),
    *("QLinearConv", "QLinearMatMul", "QGemm", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"),
)
_ARITHMETIC = ("Conv", "ConvTranspose", "Gemm", "MatMul", "FusedConv", "FusedMatMul", "FusedGemm")
_PRECISIONS = {"float16": "fp16", "bfloat16": "bf16"}


def file_precision(graph: OnnxGraph) -> str:
    """Returns `int8` if anything is quantised, else the precision of the weights that are multiplied.

    Weights that other nodes compute, as by a cast, do not count; without any other, the inputs do. `fp32` if neither
    says otherwise.
    """
    if any(node.operator in _QUANTISING for node in graph.nodes):
        return "int8"
    kinds = {
        graph.weights[name]
        for node in graph.nodes
        if node.operator in _ARITHMETIC
        for name in node.inputs[1:2]
        if name in graph.weights
    } or {value.dtype for value in graph.inputs}
    return next((_PRECISIONS[kind] for kind in _PRECISIONS if kind in kinds), "fp32")
