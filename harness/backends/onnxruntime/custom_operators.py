"""The operators of a graph that neither ONNX nor the runtime defines."""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import ArtifactError
from harness.files.onnx_graph import STANDARD_DOMAINS, read_graph

# The runtime's words for an operator of another domain than ONNX's, with and without an import of that domain.
_UNKNOWN = (
    re.compile(r"Fatal error: (?P<domain>[^:\s]+):(?P<operator>[^(\s]+)\(-?\d+\) is not a registered function/op"),
    re.compile(r'In Node, \(.*?, (?P<operator>[^,"]+), "(?P<domain>[^"]+)", -?\d+\).*No opset import for domain'),
)


def missing(message: str, artifact: Path) -> list[str]:
    """The operators that the runtime's message says are unknown, as `domain:operator`; none if it says something else.

    The message names the first; the others are those of its domain in the file.
    """
    match = next(filter(None, (pattern.search(message) for pattern in _UNKNOWN)), None)
    if match is None or match["domain"] in STANDARD_DOMAINS:
        return []
    first, domain = f"{match['domain']}:{match['operator']}", match["domain"]
    try:
        nodes = read_graph(artifact).nodes
    except ArtifactError:
        return [first]
    return sorted({first, *(f"{domain}:{node.operator}" for node in nodes if node.domain == domain)})
