"""The facts of an ONNX file that decide whether a TensorRT can read it, and its inputs and outputs, without onnx.

A thin machine measures artifacts with a runtime and numpy alone, so the file is read directly as a protocol
buffer (field numbers from onnx.proto3). Weights are skipped, not read.
"""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from foundation.vocabulary import METADATA_PREFIX
from harness.errors import ArtifactError
from harness.files.protobuf import fields_of, mapped

# Field numbers in ModelProto, OperatorSetIdProto, StringStringEntryProto, GraphProto, FunctionProto, NodeProto and
# AttributeProto.
_MODEL_IR_VERSION, _MODEL_GRAPH, _MODEL_OPSETS, _MODEL_METADATA, _MODEL_FUNCTIONS = 1, 7, 8, 14, 25
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_GRAPH_NODE, _GRAPH_WEIGHTS, _GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_SPARSE_WEIGHTS = 1, 5, 11, 12, 15
_FUNCTION_NODE = 7
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 3, 4, 5, 7
_ATTRIBUTE_NAME, _ATTRIBUTE_INTEGER, _ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS = 1, 3, 5, 6, 11
# TensorProto, and the values of a SparseTensorProto, which carry its name.
_WEIGHTS_ELEMENT, _WEIGHTS_INTEGERS, _WEIGHTS_NAME, _WEIGHTS_BYTES, _SPARSE_VALUES = 2, 5, 8, 9, 1
# ValueInfoProto, TypeProto, its tensor, TensorShapeProto and its dimensions.
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR = 1, 2, 1
_TENSOR_ELEMENT, _TENSOR_SHAPE, _SHAPE_DIMENSION = 1, 2, 1
_DIMENSION_SIZE, _DIMENSION_SYMBOL = 1, 2

# Numpy's names of TensorProto.DataType, where numpy has the type; onnx's own of the others.
_ELEMENTS = {
    **{1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool"},
    **{10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16"},
}

_BOOL = 9

# From this one on, an unsigned number of 64 bits is a negative one.
_NEGATIVE = 2**63

STANDARD_DOMAINS = ("", "ai.onnx")

FED_SHAPES_KEY = f"{METADATA_PREFIX}fed_shapes"
"""Metadata of a file whose graph leaves sizes free: the shapes that its inputs are fed with, as JSON by name."""

Shape = tuple[int | str, ...]
"""Sizes of a tensor; one that is not fixed is the name that the file gives it, or an empty text."""


@dataclasses.dataclass(frozen=True)
class OnnxNode:
    """A node of a graph."""

    operator: str
    name: str
    domain: str
    inputs: tuple[str, ...] = ()
    """Names of the values that it takes; an empty one stands for an omitted value."""
    outputs: tuple[str, ...] = ()
    """Names of the values that it makes; an empty one stands for an omitted value."""
    attributes: tuple[memoryview, ...] = dataclasses.field(default=(), repr=False)
    """The encoded attributes, which are read only where they matter."""

    @property
    def is_standard(self) -> bool:
        """Whether the operator is one of ONNX's own."""
        return self.domain in STANDARD_DOMAINS

    def integer(self, name: str) -> int:
        """The value of an attribute that is an integer; 0 if the node does not have it."""
        value = self._attribute(name).get(_ATTRIBUTE_INTEGER, 0)
        return value if isinstance(value, int) else 0

    def flag(self, name: str) -> bool | None:
        """The value of an attribute that is a tensor of one bool; None if it is not."""
        tensor = self._attribute(name).get(_ATTRIBUTE_TENSOR)
        return None if tensor is None or isinstance(tensor, int) else _flag(dict(fields_of(tensor)))

    def tensor_type(self, name: str) -> str:
        """The element type of an attribute that is a tensor, as in `float16`; empty if it is not."""
        tensor = self._attribute(name).get(_ATTRIBUTE_TENSOR)
        return "" if tensor is None or isinstance(tensor, int) else _weights(tensor)[1]

    def inner_nodes(self) -> Iterator[OnnxNode]:
        """The nodes of the graphs that it contains, as the branches of an `If`, at every depth."""
        for attribute in self.attributes:
            for number, value in fields_of(attribute):
                if number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                    yield from _nodes_within(value)

    def _attribute(self, name: str) -> dict[int, int | memoryview]:
        for attribute in self.attributes:
            fields = dict(fields_of(attribute))
            if _text(fields.get(_ATTRIBUTE_NAME)) == name:
                return fields
        return {}


@dataclasses.dataclass(frozen=True)
class OnnxValue:
    """An input or output of the main graph."""

    name: str
    dtype: str
    """Numpy's name of the element type, as in `float32`; empty if the value is not a tensor."""
    shape: Shape | None
    """None if the file does not state the number of dimensions."""

    @property
    def is_fixed(self) -> bool:
        """Whether every size is fixed."""
        return self.shape is not None and all(isinstance(size, int) for size in self.shape)

    def shape_text(self) -> str:
        """The shape as messages show it: `[batch, 3, ?, 224]`."""
        if self.shape is None:
            return "of unknown rank"
        return f"[{', '.join(str(size) or '?' for size in self.shape)}]"


@dataclasses.dataclass(frozen=True)
class OnnxGraph:
    """Versions and nodes of an ONNX file."""

    ir_version: int
    opset: int
    """Version of the standard operators; 0 if the file imports none."""
    nodes: tuple[OnnxNode, ...]
    inputs: tuple[OnnxValue, ...] = ()
    """The inputs, without the weights that older files list among them."""
    outputs: tuple[OnnxValue, ...] = ()
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What the file says of itself, by key."""
    weights: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Element types of the weights, as in `float16`, by name."""
    flags: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    """The values of weights that are one bool, by name."""
    function_nodes: tuple[OnnxNode, ...] = ()
    """The nodes of the functions that the file defines."""

    def all_nodes(self) -> Iterator[OnnxNode]:
        """The nodes of the main graph, of the graphs that they contain, and of the file's functions."""
        for node in (*self.nodes, *self.function_nodes):
            yield node
            yield from node.inner_nodes()

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


def fed_shapes(metadata: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    """The shapes that a file's metadata says its inputs are fed with, by name; none in most files."""
    stated = json.loads(metadata.get(FED_SHAPES_KEY, "{}"))
    return {name: tuple(sizes) for name, sizes in stated.items()}


def _parse_model(data: memoryview) -> OnnxGraph:
    ir_version, opset, graph = 0, 0, None
    metadata: dict[str, str] = {}
    function_nodes: list[OnnxNode] = []
    for number, value in fields_of(data):
        if number == _MODEL_IR_VERSION and isinstance(value, int):
            ir_version = value
        elif number == _MODEL_OPSETS and isinstance(value, memoryview):
            imported = dict(fields_of(value))
            if _text(imported.get(_OPSET_DOMAIN)) in STANDARD_DOMAINS:
                opset = int(imported.get(_OPSET_VERSION, 0))
        elif number == _MODEL_METADATA and isinstance(value, memoryview):
            entry = dict(fields_of(value))
            metadata[_text(entry.get(_ENTRY_KEY))] = _text(entry.get(_ENTRY_VALUE))
        elif number == _MODEL_FUNCTIONS:
            function_nodes += (_node(part) for field, part in _message(value) if field == _FUNCTION_NODE)
        elif number == _MODEL_GRAPH and isinstance(value, memoryview):
            graph = value
    if graph is None or not ir_version:
        raise ValueError("no graph or no version")
    found: dict[int, list[Any]] = collections.defaultdict(list)
    for number, part in fields_of(graph):
        if number in _GRAPH_PARTS:
            found[number].append(_GRAPH_PARTS[number](part))
    tensors = [*found[_GRAPH_WEIGHTS], *found[_GRAPH_SPARSE_WEIGHTS]]
    weights = {name: kind for name, kind, _ in tensors}
    flags = {name: flag for name, _, flag in tensors if flag is not None}
    fed = fed_shapes(metadata)
    inputs = tuple(
        dataclasses.replace(value, shape=fed.get(value.name, value.shape))
        for value in found[_GRAPH_INPUT]
        if value.name not in weights
    )
    nodes, outputs = tuple(found[_GRAPH_NODE]), tuple(found[_GRAPH_OUTPUT])
    return OnnxGraph(ir_version, opset, nodes, inputs, outputs, metadata, weights, flags, tuple(function_nodes))


def _node(part: int | memoryview) -> OnnxNode:
    fields: dict[int, Any] = {}
    repeated: dict[int, list[Any]] = {_NODE_INPUT: [], _NODE_OUTPUT: [], _NODE_ATTRIBUTE: []}
    for number, value in _message(part):
        if number in repeated:
            repeated[number].append(value if number == _NODE_ATTRIBUTE else _text(value))
        else:
            fields[number] = value
    operator, name, domain = (_text(fields.get(number)) for number in (_NODE_OPERATOR, _NODE_NAME, _NODE_DOMAIN))
    return OnnxNode(operator, name, domain, *map(tuple, repeated.values()))


def _nodes_within(graph: int | memoryview) -> Iterator[OnnxNode]:
    """The nodes of a graph, each followed by those of the graphs that it contains."""
    for number, part in _message(graph):
        if number == _GRAPH_NODE:
            node = _node(part)
            yield node
            yield from node.inner_nodes()


def _weights(part: int | memoryview) -> tuple[str, str, bool | None]:
    """Name and element type of weights, and their value if they are one bool."""
    fields = dict(_message(part))
    kind = fields.get(_WEIGHTS_ELEMENT, 0)
    element = _ELEMENTS.get(kind if isinstance(kind, int) else 0, f"type {kind}")
    return _text(fields.get(_WEIGHTS_NAME)), element, _flag(fields)


def _flag(tensor: Mapping[int, int | memoryview]) -> bool | None:
    """The value of a tensor's fields if it is one bool, which is written as a byte or as an integer."""
    if tensor.get(_WEIGHTS_ELEMENT) != _BOOL:
        return None
    value = tensor.get(_WEIGHTS_BYTES, tensor.get(_WEIGHTS_INTEGERS))
    if isinstance(value, int):
        return bool(value)
    return bool(value[0]) if value is not None and len(value) == 1 else None


def _sparse_weights(part: int | memoryview) -> tuple[str, str, bool | None]:
    return _weights(dict(_message(part)).get(_SPARSE_VALUES, memoryview(b"")))


def parse_value(part: int | memoryview) -> OnnxValue:
    """The value that a ValueInfoProto describes.

    Raises:
        ValueError: it is no ValueInfoProto.
        IndexError: it is cut off.
    """
    fields = dict(_message(part))
    tensor = dict(_message(fields.get(_VALUE_TYPE, memoryview(b"")))).get(_TYPE_TENSOR)
    name = _text(fields.get(_VALUE_NAME))
    if tensor is None:
        return OnnxValue(name, "", None)
    described = dict(_message(tensor))
    element, shape = described.get(_TENSOR_ELEMENT), described.get(_TENSOR_SHAPE)
    sizes = (
        None
        if shape is None
        else tuple(_size(value) for number, value in _message(shape) if number == _SHAPE_DIMENSION)
    )
    kind = element if isinstance(element, int) else 0
    return OnnxValue(name, _ELEMENTS.get(kind, f"type {kind}"), sizes)


def _size(dimension: int | memoryview) -> int | str:
    fields = dict(_message(dimension))
    size = fields.get(_DIMENSION_SIZE, 0)
    # Some exporters write -1, as an unsigned number of 64 bits, for a size that is not fixed.
    if isinstance(size, int) and 0 < size < _NEGATIVE:
        return size
    return _text(fields.get(_DIMENSION_SYMBOL))


def _message(part: int | memoryview) -> Iterator[tuple[int, int | memoryview]]:
    if isinstance(part, int):
        raise ValueError("a number where a message belongs")
    return fields_of(part)


def _text(value: int | memoryview | None) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        raise ValueError("a number where text belongs")
    return bytes(value).decode()


_GRAPH_PARTS: dict[int, Callable[[int | memoryview], Any]] = {
    _GRAPH_NODE: _node,
    _GRAPH_WEIGHTS: _weights,
    _GRAPH_SPARSE_WEIGHTS: _sparse_weights,
    _GRAPH_INPUT: parse_value,
    _GRAPH_OUTPUT: parse_value,
}
"""How each kind of part of a graph is read."""
