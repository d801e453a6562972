"""Copies of ONNX files with fixed input shapes, an older IR version or more outputs, written without onnx.

Everything else is copied as it is, so that the copy depends on nothing but the file and what was asked. Field numbers
from onnx.proto3.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from foundation.replacing import replacing
from harness.files.artifact_digest import external_locations
from harness.files.onnx_graph import FED_SHAPES_KEY, parse_value
from harness.files.protobuf import counted_field, encoded_fields, fields_of, integer_field, mapped

_MODEL_IR_VERSION, _MODEL_GRAPH, _MODEL_METADATA = 1, 7, 14
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_VALUES = 11, 12, 13
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR = 1, 2, 1
_TENSOR_ELEMENT, _TENSOR_SHAPE, _SHAPE_DIMENSION = 1, 2, 1
_DIMENSION_SIZE, _DIMENSION_SYMBOL = 1, 2

Parts = list[bytes | memoryview]


def write_copy(
    source: Path,
    target: Path,
    *,
    shapes: Mapping[str, Sequence[int]] = MappingProxyType({}),
    symbols: Mapping[str, int] = MappingProxyType({}),
    ir_version: int | None = None,
    outputs: Sequence[str] = (),
    fed: Mapping[str, Sequence[int]] | None = None,
) -> None:
    """Writes a copy of an ONNX file, and the files beside it that hold its weights.

    Args:
        source: the file, which `harness.files.onnx_graph.read_graph` reads.
        target: the copy, in an existing folder of its own.
        shapes: the fixed shape of each of these inputs.
        symbols: the sizes of named dimensions, wherever outputs and values in between have them.
        ir_version: the copy's IR version; the file's if None.
        outputs: values of the graph that become outputs after its own.
        fed: shapes that inputs are fed with although the graph leaves them free: they are stated in the copy's metadata
            (`onnx_graph.FED_SHAPES_KEY`).

    Raises:
        OSError: a file cannot be read or written.
    """
    parts: Parts = []
    for number, value, encoded in encoded_fields(mapped(source)):
        if number == _MODEL_IR_VERSION and ir_version is not None:
            parts.append(integer_field(number, ir_version))
        elif number == _MODEL_GRAPH and isinstance(value, memoryview):
            more = [part for name in outputs for part in counted_field(_GRAPH_OUTPUT, _named(name))]
            parts += counted_field(number, [*_graph(value, shapes, symbols), *more])
        else:
            parts.append(encoded)
    if fed:
        entry = {_ENTRY_KEY: FED_SHAPES_KEY, _ENTRY_VALUE: json.dumps({name: list(fed[name]) for name in fed})}
        parts += counted_field(
            _MODEL_METADATA, [part for key, text in entry.items() for part in counted_field(key, [text.encode()])]
        )
    for location, weights in external_locations(source).items():
        if weights is not None:
            _link_or_copy(weights, target.parent / location)
    with replacing(target) as temporary, temporary.open("wb") as file:
        file.writelines(parts)


def _graph(graph: memoryview, shapes: Mapping[str, Sequence[int]], symbols: Mapping[str, int]) -> Parts:
    parts: Parts = []
    for number, value, encoded in encoded_fields(graph):
        if number in (_GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_VALUES) and isinstance(value, memoryview):
            described = parse_value(value)
            sizes: Sequence[int | str] | None = described.shape
            if number == _GRAPH_INPUT and described.name in shapes:
                sizes = shapes[described.name]
            elif sizes is not None:
                sizes = [symbols.get(size, size) if isinstance(size, str) else size for size in sizes]
            if sizes is not None and tuple(sizes) != described.shape:
                parts += counted_field(number, _value(described.name, value, sizes))
                continue
        parts.append(encoded)
    return parts


def _value(name: str, value: memoryview, sizes: Sequence[int | str]) -> Parts:
    """A tensor's name, element type and shape; what else the file says of it does not reach a runtime."""
    tensor = _inner(_inner(value, _VALUE_TYPE), _TYPE_TENSOR)
    dimensions: Parts = []
    for size in sizes:
        dimensions += counted_field(_SHAPE_DIMENSION, [_dimension(size)])
    kind = [encoded for number, _, encoded in encoded_fields(tensor) if number == _TENSOR_ELEMENT]
    described = [*kind, *counted_field(_TENSOR_SHAPE, dimensions)]
    typed = counted_field(_VALUE_TYPE, counted_field(_TYPE_TENSOR, described))
    return [*_named(name), *typed]


def _named(name: str) -> Parts:
    return counted_field(_VALUE_NAME, [name.encode()])


def _inner(message: memoryview, number: int) -> memoryview:
    """The message in a field that `parse_value` has found."""
    value = dict(fields_of(message))[number]
    assert isinstance(value, memoryview)
    return value


def _dimension(size: int | str) -> bytes:
    if isinstance(size, int):
        return integer_field(_DIMENSION_SIZE, size)
    return b"".join(counted_field(_DIMENSION_SYMBOL, [size.encode()])) if size else b""


def _link_or_copy(weights: Path, target: Path) -> None:
    """Puts weights beside a copy, without using their space again where the file system can link them."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary:
        try:
            os.link(weights.resolve(), temporary)
        except OSError:
            shutil.copyfile(weights, temporary)
