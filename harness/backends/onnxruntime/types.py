"""Checks whether the types of an ONNX graph force a runtime to compute in float32."""

from __future__ import annotations

from pathlib import Path

from harness.backends.onnxruntime.nodes import is_arithmetic

_QUANTISING = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")


def is_float32(artifact: Path) -> bool:
    """Whether every convolution and matrix product takes float32, and nothing is quantised.

    Also False if a type cannot be inferred, or if there is no convolution or matrix product at all.
    """
    import onnx

    graph = onnx.shape_inference.infer_shapes(onnx.load(artifact, load_external_data=False)).graph
    values = [*graph.input, *graph.value_info, *graph.output]
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    types.update({weights.name: weights.data_type for weights in graph.initializer})
    arithmetic = [node for node in graph.node if is_arithmetic(node.op_type)]
    return (
        bool(arithmetic)
        and all(types.get(node.input[0]) == onnx.TensorProto.FLOAT for node in arithmetic)
        and not any(node.op_type in _QUANTISING for node in graph.node)
    )
