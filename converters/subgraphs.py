"""What the nodes of a graph read, inside their branches and loop bodies too."""

from __future__ import annotations

from collections.abc import Iterator

import onnx


def names_read(node: onnx.NodeProto) -> Iterator[str]:
    """Names of the tensors that a node reads, with those of the graph around it that its subgraphs read."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from names_read(inner)
            yield from (value.name for value in graph.output)
