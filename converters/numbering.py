"""Names that an exporter numbers as it goes, numbered by the order of the graph.

tf2onnx goes through sets whose order differs from process to process, so that two exports of one network differ in the
numbers of generated names and in the order of constants, and in nothing that is computed
(findings/tf2onnx_names_differ.sh). Equal graphs shall be equal files, wherever they are made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import onnx

_NUMBER = re.compile(r"__\d+")


def number_in_order(model: onnx.ModelProto) -> None:
    """Renames generated values and nodes of a graph, and puts constants in the order of their use.

    A graph with subgraphs is left as it is, since names inside would have to follow.
    """
    graph = model.graph
    if any(attribute.HasField("g") or attribute.graphs for node in graph.node for attribute in node.attribute):
        return
    kept = {value.name for value in (*graph.input, *graph.output)}
    renamed = _numbered([name for name in _values(graph) if name not in kept], kept)
    for node, name in zip(graph.node, _numbered_nodes(graph), strict=True):
        node.name = name
        for names in (node.input, node.output):
            names[:] = [renamed.get(one, one) for one in names]
    for named in (*graph.initializer, *graph.value_info):
        named.name = renamed.get(named.name, named.name)
    place = {name: index for index, name in enumerate(_values(graph))}
    for entries in (graph.initializer, graph.value_info):
        ordered = sorted(entries, key=lambda entry: place.get(entry.name, len(place)))
        del entries[:]
        entries.extend(ordered)


def _values(graph: onnx.GraphProto) -> list[str]:
    """The names of all values in the order in which nodes have them."""
    found = (name for node in graph.node for name in (*node.input, *node.output) if name)
    return list(dict.fromkeys(found))


def _numbered_nodes(graph: onnx.GraphProto) -> Iterator[str]:
    taken: dict[str, int] = {}
    for node in graph.node:
        yield _next(_NUMBER.sub("", node.name), taken)


def _numbered(names: list[str], kept: set[str]) -> dict[str, str]:
    """New names by old ones; the first of a kind has no number."""
    taken = dict.fromkeys(kept, 1)
    return {name: _next(_NUMBER.sub("", name), taken) for name in names}


def _next(name: str, taken: dict[str, int]) -> str:
    count = taken[name] = taken.get(name, 0) + 1
    return name if count == 1 else f"{name}__{count}"
