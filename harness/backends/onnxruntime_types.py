"""What the types of an ONNX graph bind a strongly typed runtime to compute in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.backends.onnxruntime_nodes import is_arithmetic

if TYPE_CHECKING:
    import onnx

UNKNOWN = "unknown"

_QUANTISING = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")


def bound_precision(artifact: Path) -> str:
    """The types that convolutions and matrix products have in the graph, joined as in `fp16+fp32`.

    `unknown` where one has no type that can be inferred, where there are none, and where values are quantised: a
    runtime may then compute in integers or in floats.
    """
    import onnx

    model = onnx.shape_inference.infer_shapes(onnx.load(artifact, load_external_data=False))
    graph = model.graph
    if any(node.op_type in _QUANTISING for node in graph.node):
        return UNKNOWN
    types = _types(graph)
    kinds = {types.get(node.input[0], UNKNOWN) for node in graph.node if is_arithmetic(node.op_type)}
    return UNKNOWN if not kinds or UNKNOWN in kinds else "+".join(sorted(kinds))


def _types(graph: onnx.GraphProto) -> dict[str, str]:
    """The precision of every value of the graph that has one."""
    from onnx import TensorProto

    words = {
        TensorProto.FLOAT: "fp32",
        TensorProto.FLOAT16: "fp16",
        TensorProto.BFLOAT16: "bf16",
        TensorProto.DOUBLE: "fp64",
    }
    values = [*graph.input, *graph.value_info, *graph.output]
    elements = {value.name: value.type.tensor_type.elem_type for value in values}
    elements.update({weights.name: weights.data_type for weights in graph.initializer})
    return {name: words[element] for name, element in elements.items() if element in words}
