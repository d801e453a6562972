"""Which versions of ONNX's file format an ONNX Runtime reads; it has no list of them, so it is tried."""

from __future__ import annotations

from harness.files.protobuf import counted_field, integer_field

# Field numbers in ModelProto, OperatorSetIdProto, GraphProto, NodeProto, ValueInfoProto, TypeProto and its tensor.
_MODEL_IR_VERSION, _MODEL_GRAPH, _MODEL_OPSETS = 1, 7, 8
_OPSET_VERSION = 2
_GRAPH_NODE, _GRAPH_NAME, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 2, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR = 1, 2, 4
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _TENSOR_ELEMENT, _TENSOR_SHAPE = 1, 2, 1, 1, 2

_FLOAT = 1
_OPSET = 13
_OLDEST = 3


def readable_ir_version(version: int) -> int:
    """The newest version up to the given one that the runtime accepts; the given one if it accepts none."""
    for candidate in range(version, _OLDEST - 1, -1):
        if _accepts(candidate):
            return candidate
    return version


def _accepts(version: int) -> bool:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(_network(version), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # Anything else that is wrong here would also be wrong with the older version.
        return "IR version" not in str(error)
    return True


def _network(version: int) -> bytes:
    """A network of one node."""
    node = [
        *counted_field(_NODE_INPUT, [b"x"]),
        *counted_field(_NODE_OUTPUT, [b"y"]),
        *counted_field(_NODE_OPERATOR, [b"Identity"]),
    ]
    graph = [*counted_field(_GRAPH_NODE, node), *counted_field(_GRAPH_NAME, [b"g"])]
    for number, name in ((_GRAPH_INPUT, b"x"), (_GRAPH_OUTPUT, b"y")):
        tensor = [integer_field(_TENSOR_ELEMENT, _FLOAT), *counted_field(_TENSOR_SHAPE, [])]
        typed = counted_field(_VALUE_TYPE, counted_field(_TYPE_TENSOR, tensor))
        graph += counted_field(number, [*counted_field(_VALUE_NAME, [name]), *typed])
    model = [
        integer_field(_MODEL_IR_VERSION, version),
        *counted_field(_MODEL_GRAPH, graph),
        *counted_field(_MODEL_OPSETS, [integer_field(_OPSET_VERSION, _OPSET)]),
    ]
    return b"".join(model)
