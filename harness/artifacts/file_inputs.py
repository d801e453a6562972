"""What the inputs of an ONNX file of fixed shapes take: images, or values of their types."""

from __future__ import annotations

from harness.backends.session import TensorSpec
from harness.files.onnx_graph import OnnxGraph
from harness.files.shapes import image_axes, resolution_of

DRAWN_INFERENCES = 16
"""Inferences that are drawn for a network that takes no images, if no values are given."""

_COLOURS = 3


def image_resolution(graph: OnnxGraph) -> int | None:
    """Height and width of the square colour images that a network takes and nothing else; None for other networks."""
    if len(graph.inputs) != 1 or graph.inputs[0].dtype != "float32":
        return None
    shape = graph.inputs[0].shape or ()
    axes = image_axes(shape)
    if axes is None or axes.batch is None or shape[axes.channels] != _COLOURS:
        return None
    return resolution_of(shape)


def specs_of(graph: OnnxGraph) -> list[TensorSpec]:
    """The inputs as a session has them."""
    return [TensorSpec(value.name, tuple(value.shape or ()), value.dtype) for value in graph.inputs]
