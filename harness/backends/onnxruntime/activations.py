"""Subnormal numbers among what the convolutions and matrix products of a graph take and make."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.backends.onnxruntime.nodes import is_arithmetic
from harness.files.onnx_copy import write_copy
from harness.files.onnx_graph import OnnxGraph, read_graph
from harness.files.subnormals import subnormal_percent

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnxruntime

_VALUES_MAX = 32
"""Values that are looked at, evenly over the graph: all of a large network's would not fit into memory at once."""


def subnormal_activations_percent(
    artifact: Path, options: onnxruntime.SessionOptions, provider: str, feed: Mapping[str, npt.NDArray[Any]]
) -> float:
    """The share of subnormal numbers in one inference of a second session.

    Args:
        artifact: the network, of which a copy with more outputs is run.
        options: of the session.
        provider: which runs it.
        feed: the values of its inputs.
    """
    import onnxruntime

    with tempfile.TemporaryDirectory(prefix="ort-activations-") as directory:
        copy = Path(directory, artifact.name)
        write_copy(artifact, copy, outputs=_evenly(activations(read_graph(artifact))))
        session = onnxruntime.InferenceSession(str(copy), options, providers=[provider], enable_fallback=False)
        values = session.run(None, dict(feed))
    return subnormal_percent(one for one in values if isinstance(one, np.ndarray) and one.dtype == np.float32)


def activations(graph: OnnxGraph) -> list[str]:
    """Names of the values between nodes that convolutions and matrix products take or make.

    In a graph without any, of those that all nodes make. The graph's own outputs are not among them.
    """
    arithmetic = [node for node in graph.nodes if is_arithmetic(node.operator)]
    made = {name for node in graph.nodes for name in node.outputs} - {"", *(value.name for value in graph.outputs)}
    names = [name for node in arithmetic or graph.nodes for name in (*node.inputs, *node.outputs)]
    return [name for name in dict.fromkeys(names) if name in made]


def _evenly(names: list[str]) -> list[str]:
    step = max(1.0, len(names) / _VALUES_MAX)
    return [names[int(position * step)] for position in range(min(len(names), _VALUES_MAX))]
