"""The cell of a LaNet as data, in the words of the catalogue."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from zoo.errors import CatalogError

INPUTS = 2
"""States that a cell starts from: the outputs of the two cells before it."""
OPERATIONS = ("skip", "max3", "sep3", "sep5")


@dataclasses.dataclass(frozen=True)
class Edge:
    """One operation on one earlier state."""

    operation: str
    """`skip` (identity), `max3` (3x3 maximum), `sep3` or `sep5` (separable convolution)."""
    state: int
    """0 and 1 are the cell's inputs, 2 its first node, and so on."""


Node = tuple[Edge, Edge]
"""Two edges, whose results are added."""


def _parse_edge(text: str, states: int) -> Edge:
    operation, state = text.split()
    if operation not in OPERATIONS:
        raise ValueError(f"unknown operation {operation!r}; known: {', '.join(OPERATIONS)}")
    if int(state) not in range(states):
        raise ValueError(f"state {state} does not exist yet")
    return Edge(operation, int(state))


def parse_cell(texts: Sequence[str]) -> list[Node]:
    """Reads the nodes of a cell.

    Args:
        texts: as in `sep3 1 + skip 0`, one a node, in order.

    Raises:
        CatalogError: an operation that no cell has, or a state that does not exist yet.
    """
    nodes: list[Node] = []
    for text in texts:
        try:
            first, second = (_parse_edge(part, INPUTS + len(nodes)) for part in text.split("+"))
        except ValueError as error:
            raise CatalogError(f"cannot read the node {text!r}: {error}") from error
        nodes.append((first, second))
    return nodes


def output_states(nodes: Sequence[Node]) -> list[int]:
    """The nodes that no other reads: together they are the cell's output."""
    read = {edge.state for node in nodes for edge in node}
    return [state for state in range(INPUTS, INPUTS + len(nodes)) if state not in read]
