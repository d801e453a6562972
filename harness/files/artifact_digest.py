"""What identifies an artifact: its file, and the files beside it that hold weights ("external data").

PyTorch's exporter writes the weights of a user network beside the graph, whose file is then the same before and after
training. Read without the onnx package, which a thin machine lacks; field numbers from onnx.proto3, the entries of
external data from onnx's docs/ExternalData.md.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from foundation.digests import file_sha256
from harness.files.protobuf import fields_of, mapped

# Field numbers in ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto and StringStringEntryProto.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_ATTRIBUTE = 5
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_TENSOR_EXTERNAL_DATA = 13
_ENTRY_KEY, _ENTRY_VALUE = 1, 2


def artifact_sha256(path: Path) -> str:
    """SHA-256 of the file or, if it has weights in other files, of the list of the digests of all.

    A file that is missing or named outside the artifact's folder counts by its name: no runtime loads it.

    Raises:
        OSError: the file or one beside it cannot be read.
    """
    own = file_sha256(path)
    locations = external_locations(path)
    if not locations:
        return own
    lines = [own, *(f"{location} {file_sha256(file) if file else 'missing'}" for location, file in locations.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def artifact_size_bytes(path: Path) -> int:
    """Size of the file and of those beside it that hold its weights."""
    others = (file for file in external_locations(path).values() if file)
    return path.stat().st_size + sum(file.stat().st_size for file in others)


def external_locations(path: Path) -> dict[str, Path | None]:
    """The locations of external data that the file names, sorted, each with the file there.

    They are looked for beside the path as it is given, as runtimes do: in the cache of the Hugging Face Hub that is a
    link, and the weights are a link beside it, to files elsewhere. None stands for a file that is missing or named
    outside the artifact's folder. Empty if the file cannot be read as ONNX, which the runtime reports better.
    """
    try:
        found = {location for graph in _parts(mapped(path), _MODEL_GRAPH) for location in _locations_in_graph(graph)}
    except (ValueError, IndexError):
        return {}
    return {location: _file_at(path, location) for location in sorted(found)}


def _file_at(path: Path, location: str) -> Path | None:
    inside = PurePath(os.path.normpath(location))
    if inside.is_absolute() or inside.parts[:1] == ("..",):
        return None
    file = path.absolute().parent / inside
    return file if file.is_file() else None


def _locations_in_graph(graph: memoryview) -> Iterator[str]:
    for tensor in _parts(graph, _GRAPH_INITIALIZER):
        yield from _locations_in_tensor(tensor)
    for node in _parts(graph, _GRAPH_NODE):
        for attribute in _parts(node, _NODE_ATTRIBUTE):
            for tensor in _parts(attribute, _ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                yield from _locations_in_tensor(tensor)
            for inner in _parts(attribute, _ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                yield from _locations_in_graph(inner)


def _locations_in_tensor(tensor: memoryview) -> Iterator[str]:
    for entry in _parts(tensor, _TENSOR_EXTERNAL_DATA):
        fields = dict(fields_of(entry))
        key, value = fields.get(_ENTRY_KEY), fields.get(_ENTRY_VALUE)
        if isinstance(key, memoryview) and isinstance(value, memoryview) and bytes(key) == b"location":
            yield bytes(value).decode()


def _parts(message: memoryview, *numbers: int) -> Iterator[memoryview]:
    """The parts of a message in the fields of these numbers."""
    for number, value in fields_of(message):
        if number in numbers and isinstance(value, memoryview):
            yield value
