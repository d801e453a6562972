"""Nodes that a graph has because it was exported in training mode: what they compute changes from run to run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from foundation.wording import counted, listed
from harness.files.onnx_graph import OnnxGraph, OnnxNode

_RANDOM = ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")

_DROPOUT_TRAINING_INPUT = 2
_DROPOUT_OPSET = 12
"""From this operator set on an input says whether a Dropout drops; in those before, which runtimes read, it never does.
"""

_NORMALISATION_OPSET = 14
"""From this operator set on an attribute says whether a BatchNormalization is in training mode; before, it is if it has
outputs for the statistics of the batch."""


def training_notes(graph: OnnxGraph) -> list[str]:
    """What random numbers and batch statistics mean for the figures of a graph, a sentence each; usually none."""
    notes = []
    if found := _found(graph, draws_random_numbers):
        notes.append(
            f"the graph draws random numbers ({found}), so that no two inferences compute the same and the time "
            "contains the drawing: if it is to classify, export it for inference (model.eval())"
        )
    if found := _found(graph, normalises_by_batch):
        notes.append(
            f"the graph normalises by the statistics of each batch ({found}), not by its own: export it for inference "
            "(model.eval())"
        )
    return notes


def draws_random_numbers(node: OnnxNode, graph: OnnxGraph) -> bool:
    """Whether a node's output is random."""
    if node.operator in _RANDOM:
        return True
    if node.operator != "Dropout":
        return False
    if graph.opset < _DROPOUT_OPSET or len(node.inputs) <= _DROPOUT_TRAINING_INPUT:
        return False
    return _holds(node.inputs[_DROPOUT_TRAINING_INPUT], graph)


def normalises_by_batch(node: OnnxNode, graph: OnnxGraph) -> bool:
    """Whether a node is a batch normalisation in training mode."""
    if node.operator != "BatchNormalization":
        return False
    if graph.opset >= _NORMALISATION_OPSET:
        return bool(node.integer("training_mode"))
    return any(node.outputs[1:])


def _holds(name: str, graph: OnnxGraph) -> bool:
    """Whether a flag is set: in the file, or as an input, which holds true while it is measured."""
    if name in graph.flags:
        return graph.flags[name]
    if any(value.name == name for value in graph.inputs):
        return True
    return any(
        bool(node.flag("value")) for node in graph.all_nodes() if node.operator == "Constant" and name in node.outputs
    )


def _found(graph: OnnxGraph, fits: Callable[[OnnxNode, OnnxGraph], bool]) -> str:
    """The nodes of ONNX's own operators that fit, in words; empty if there are none."""
    nodes = [node for node in graph.all_nodes() if node.is_standard and fits(node, graph)]
    return f"{counted(len(nodes), 'node')}: {listed(_names(nodes))}" if nodes else ""


def _names(nodes: Iterable[OnnxNode]) -> list[str]:
    return [f"{node.operator} {(node.name or next(iter(node.outputs), ''))!r}" for node in nodes]
