"""The facts of an ONNX file that decide whether a TensorRT can read it, and its input and output, without onnx.

A thin machine measures artifacts with a runtime and numpy alone, so the file is read directly as a protocol
buffer (field numbers from onnx.proto3). Weights are skipped, not read.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from harness.errors import ArtifactError
from harness.files.protobuf import fields_of, mapped

# Field numbers in ModelProto, OperatorSetIdProto, StringStringEntryProto, GraphProto and NodeProto.
_MODEL_IR_VERSION, _MODEL_GRAPH, _MODEL_OPSETS, _MODEL_METADATA = 1, 7, 8, 14
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_GRAPH_NODE, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 11, 12
_NODE_NAME, _NODE_OPERATOR, _NODE_DOMAIN = 3, 4, 7
# The path from a ValueInfoProto to its dimensions, and their sizes: TypeProto, its tensor, TensorShapeProto.
_VALUE_TYPE, _TYPE_TENSOR, _TENSOR_SHAPE, _SHAPE_DIMENSION = 2, 1, 2, 1
_DIMENSION_SIZE = 1

_STANDARD_DOMAINS = ("", "ai.onnx")


@dataclasses.dataclass(frozen=True)
class OnnxNode:
    """A node of the main graph."""

    operator: str
    name: str
    domain: str


@dataclasses.dataclass(frozen=True)
class OnnxGraph:
    """Versions and nodes of an ONNX file."""

    ir_version: int
    opset: int
    """Version of the standard operators; 0 if the file imports none."""
    nodes: tuple[OnnxNode, ...]
    input_shape: tuple[int, ...] = ()
    """Shape of the first input; 0 for a size that is not fixed, empty if there is no shape."""
    output_shape: tuple[int, ...] = ()
    """The same for the first output."""
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What the file says of itself, by key."""

    def operators(self) -> dict[str, list[OnnxNode]]:
        """The nodes of each operator, in the order of their first appearance."""
        found: dict[str, list[OnnxNode]] = collections.defaultdict(list)
        for node in self.nodes:
            found[node.operator].append(node)
        return dict(found)


def read_graph(path: Path) -> OnnxGraph:
    """Versions and nodes of the file.

    Raises:
        ArtifactError: the file cannot be read as ONNX.
    """
    try:
        return _parse_model(mapped(path))
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise ArtifactError(
            f"{path} is not a readable ONNX file; it may be truncated or something else. "
            "Convert the model again, or copy the file again."
        ) from error
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}. Convert the model again.") from error


def _parse_model(data: memoryview) -> OnnxGraph:
    ir_version, opset, nodes = 0, 0, None
    shapes: dict[int, tuple[int, ...]] = {}
    metadata: dict[str, str] = {}
    for number, value in fields_of(data):
        if number == _MODEL_IR_VERSION and isinstance(value, int):
            ir_version = value
        elif number == _MODEL_OPSETS and isinstance(value, memoryview):
            imported = dict(fields_of(value))
            if _text(imported.get(_OPSET_DOMAIN)) in _STANDARD_DOMAINS:
                opset = int(imported.get(_OPSET_VERSION, 0))
        elif number == _MODEL_METADATA and isinstance(value, memoryview):
            entry = dict(fields_of(value))
            metadata[_text(entry.get(_ENTRY_KEY))] = _text(entry.get(_ENTRY_VALUE))
        elif number == _MODEL_GRAPH and isinstance(value, memoryview):
            nodes = tuple(_node(part) for field, part in fields_of(value) if field == _GRAPH_NODE)
            for field, part in fields_of(value):
                if field in (_GRAPH_INPUT, _GRAPH_OUTPUT) and field not in shapes:
                    shapes[field] = _shape(part)
    if nodes is None or not ir_version:
        raise ValueError("no graph or no version")
    return OnnxGraph(ir_version, opset, nodes, shapes.get(_GRAPH_INPUT, ()), shapes.get(_GRAPH_OUTPUT, ()), metadata)


def _node(part: int | memoryview) -> OnnxNode:
    if isinstance(part, int):
        raise ValueError("a node that is a number")
    fields = dict(fields_of(part))
    return OnnxNode(_text(fields.get(_NODE_OPERATOR)), _text(fields.get(_NODE_NAME)), _text(fields.get(_NODE_DOMAIN)))


def _shape(part: int | memoryview) -> tuple[int, ...]:
    """The dimensions of an input or output."""
    for number in (_VALUE_TYPE, _TYPE_TENSOR, _TENSOR_SHAPE):
        if isinstance(part, int):
            raise ValueError("a number where a type belongs")
        inner = dict(fields_of(part)).get(number)
        if inner is None:
            return ()
        part = inner
    if isinstance(part, int):
        raise ValueError("a number where a shape belongs")
    dimensions = [value for field, value in fields_of(part) if field == _SHAPE_DIMENSION]
    return tuple(map(_size, dimensions))


def _size(dimension: int | memoryview) -> int:
    size = 0 if isinstance(dimension, int) else dict(fields_of(dimension)).get(_DIMENSION_SIZE, 0)
    return size if isinstance(size, int) else 0


def _text(value: int | memoryview | None) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        raise ValueError("a number where text belongs")
    return bytes(value).decode()
