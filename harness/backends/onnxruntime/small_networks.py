"""Networks of a few nodes with which a property of the runtime is tried, written without onnx.

Field numbers of ModelProto, OperatorSetIdProto, GraphProto, NodeProto, ValueInfoProto, TypeProto and its tensor are
those of onnx.proto3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from harness.files.protobuf import counted_field, integer_field

_MODEL_IR_VERSION, _MODEL_GRAPH, _MODEL_OPSETS = 1, 7, 8
_OPSET_VERSION = 2
_GRAPH_NODE, _GRAPH_NAME, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 2, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR = 1, 2, 4
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _TENSOR_ELEMENT, _TENSOR_SHAPE = 1, 2, 1, 1, 2
_SHAPE_DIMENSION, _DIMENSION_SIZE = 1, 1

_OPSET = 13

IR_VERSION = 8
"""Version of the file's format that every supported runtime reads."""

FLOAT32, UINT8, INT8, INT32, FLOAT16 = 1, 2, 3, 6, 10
"""Element types."""

Parts = list[bytes | memoryview]


@dataclasses.dataclass(frozen=True)
class SmallNode:
    """A node without attributes and with one output."""

    operator: str
    inputs: Sequence[str]
    output: str


def small_network(
    nodes: Sequence[SmallNode], *, inputs: Mapping[str, int], output_type: int, shape: Sequence[int], ir_version: int
) -> bytes:
    """An ONNX file whose only output is that of the last node.

    Args:
        nodes: in the order of execution.
        inputs: element types of the graph's inputs by name.
        output_type: element type of the output.
        shape: that of all inputs and of the output.
        ir_version: version of the file's format.
    """
    graph: Parts = []
    for node in nodes:
        graph += counted_field(_GRAPH_NODE, _node(node))
    graph += counted_field(_GRAPH_NAME, [b"g"])
    for name, element_type in inputs.items():
        graph += counted_field(_GRAPH_INPUT, _value(name, element_type, shape))
    graph += counted_field(_GRAPH_OUTPUT, _value(nodes[-1].output, output_type, shape))
    model = [
        integer_field(_MODEL_IR_VERSION, ir_version),
        *counted_field(_MODEL_GRAPH, graph),
        *counted_field(_MODEL_OPSETS, [integer_field(_OPSET_VERSION, _OPSET)]),
    ]
    return b"".join(model)


def _node(node: SmallNode) -> Parts:
    parts: Parts = []
    for name in node.inputs:
        parts += counted_field(_NODE_INPUT, [name.encode()])
    parts += counted_field(_NODE_OUTPUT, [node.output.encode()])
    return [*parts, *counted_field(_NODE_OPERATOR, [node.operator.encode()])]


def _value(name: str, element_type: int, shape: Sequence[int]) -> Parts:
    sizes: Parts = []
    for size in shape:
        sizes += counted_field(_SHAPE_DIMENSION, [integer_field(_DIMENSION_SIZE, size)])
    tensor = [integer_field(_TENSOR_ELEMENT, element_type), *counted_field(_TENSOR_SHAPE, sizes)]
    typed = counted_field(_VALUE_TYPE, counted_field(_TYPE_TENSOR, tensor))
    return [*counted_field(_VALUE_NAME, [name.encode()]), *typed]
