"""The tensors that an ONNX file holds, read without the onnx package; field numbers from onnx.proto3.

The entries of external data are those of onnx's docs/ExternalData.md.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from harness.files.protobuf import fields_of, mapped

# Field numbers in ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto and StringStringEntryProto.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_ATTRIBUTE = 5
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_TENSOR_ELEMENT, _TENSOR_FLOATS, _TENSOR_BYTES, _TENSOR_EXTERNAL_DATA = 2, 4, 9, 13
_ENTRY_KEY, _ENTRY_VALUE = 1, 2

FLOAT32 = 1
"""Element type of float32."""


@dataclasses.dataclass(frozen=True)
class OnnxTensor:
    """A tensor of weights or constants."""

    element: int
    """Its TensorProto.DataType."""
    parts: tuple[memoryview, ...]
    """Its values where the file contains them as bytes, little-endian; a tensor of integers may have them elsewhere."""
    location: str = ""
    """The file with its values, relative to the folder of the ONNX file; empty if they are in the ONNX file."""
    offset: int = 0
    """Position of the values in that file, in bytes."""
    length: int | None = None
    """Bytes of the values in that file; None for all that follow the offset."""


def tensors_in(data: memoryview) -> Iterator[OnnxTensor]:
    """The tensors of a file's graph and of the graphs in it, those in attributes of nodes included.

    Raises:
        ValueError: the data is cut off, or is no ONNX file.
        IndexError: the data is cut off within a number.
    """
    for graph in _parts(data, _MODEL_GRAPH):
        yield from map(_tensor, _tensors_in_graph(graph))


def float32_bytes(path: Path) -> Iterator[memoryview]:
    """The bytes of the float32 tensors of a file and of those beside it, in parts; tensors that are missing are not.

    Raises:
        ValueError: the file is cut off, or is no ONNX file.
        IndexError: it is cut off within a number.
        OSError: a file cannot be read.
    """
    beside: dict[str, memoryview | None] = {}
    for tensor in tensors_in(mapped(path)):
        if tensor.element != FLOAT32:
            continue
        if not tensor.location:
            yield from tensor.parts
            continue
        if tensor.location not in beside:
            file = file_at(path, tensor.location)
            beside[tensor.location] = None if file is None else mapped(file)
        data = beside[tensor.location]
        if data is not None:
            yield data[tensor.offset :][: tensor.length]


def file_at(path: Path, location: str) -> Path | None:
    """The file with external data, beside the path as it is given; None if it is missing or elsewhere."""
    inside = PurePath(os.path.normpath(location))
    if inside.is_absolute() or inside.parts[:1] == ("..",):
        return None
    file = path.absolute().parent / inside
    return file if file.is_file() else None


def _tensors_in_graph(graph: memoryview) -> Iterator[memoryview]:
    yield from _parts(graph, _GRAPH_INITIALIZER)
    for node in _parts(graph, _GRAPH_NODE):
        for attribute in _parts(node, _NODE_ATTRIBUTE):
            yield from _parts(attribute, _ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS)
            for inner in _parts(attribute, _ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                yield from _tensors_in_graph(inner)


def _tensor(encoded: memoryview) -> OnnxTensor:
    element, parts, entries = 0, [], {}
    for number, value in fields_of(encoded):
        if number == _TENSOR_ELEMENT and isinstance(value, int):
            element = value
        elif isinstance(value, int):
            continue
        elif number in (_TENSOR_FLOATS, _TENSOR_BYTES):
            parts.append(value)
        elif number == _TENSOR_EXTERNAL_DATA:
            key, text = _entry(value)
            entries[key] = text
    length = entries.get("length")
    return OnnxTensor(
        element,
        tuple(parts),
        entries.get("location", ""),
        int(entries.get("offset", 0)),
        None if length is None else int(length),
    )


def _entry(encoded: memoryview) -> tuple[str, str]:
    fields = dict(fields_of(encoded))
    key, value = (fields.get(number, memoryview(b"")) for number in (_ENTRY_KEY, _ENTRY_VALUE))
    if isinstance(key, int) or isinstance(value, int):
        raise ValueError("a number where text belongs")
    return bytes(key).decode(), bytes(value).decode()


def _parts(message: memoryview, *numbers: int) -> Iterator[memoryview]:
    """The parts of a message in the fields of these numbers."""
    for number, value in fields_of(message):
        if number in numbers and isinstance(value, memoryview):
            yield value
