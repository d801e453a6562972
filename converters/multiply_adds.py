"""The multiply-adds of a graph, counted from its operators and the shapes of its tensors."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import onnx
import onnx.inliner

from converters.light_graph import without_weights

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]


class _UnknownError(Exception):
    """An operator whose multiply-adds do not follow from the graph; the message says why."""


@dataclasses.dataclass(frozen=True)
class Counted:
    """The multiply-adds of one image, or why they are not known."""

    multiply_adds: int | None
    reason: str = ""


def count_multiply_adds(model: onnx.ModelProto, batch: int) -> Counted:
    """Multiply-adds of one image in convolutions, matrix products and recurrent layers; never fails.

    What depends on the weights alone is not counted: a runtime computes it once.

    Args:
        model: a graph; its weights are not read.
        batch: number of images per inference.
    """
    try:
        graph = onnx.shape_inference.infer_shapes(onnx.inliner.inline_local_functions(without_weights(model))).graph
    except Exception as error:
        return Counted(None, f"the shapes of the graph cannot be inferred ({type(error).__name__})")
    weights = {tensor.name for tensor in model.graph.initializer}
    try:
        return Counted(_total(graph, weights) // batch)
    except _UnknownError as error:
        return Counted(None, str(error))


def multiply_adds(model: onnx.ModelProto, batch: int) -> tuple[int | None, list[str]]:
    """Multiply-adds of one image as `count_multiply_adds` counts them, and a sentence if they are not known."""
    found = count_multiply_adds(model, batch)
    return found.multiply_adds, [f"multiply-adds are not known: {found.reason}"] if found.reason else []


def _total(graph: onnx.GraphProto, weights: set[str]) -> int:
    shapes = _shapes(graph)
    varying = {value.name for value in graph.input} - weights
    total = 0
    for node in graph.node:
        if not varying.intersection(node.input) and not _subgraphs(node):
            continue
        varying.update(node.output)
        total += _of_node(node, shapes)
    return total


def _of_node(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Multiply-adds of one operator.

    Raises:
        _UnknownError: they do not follow from the graph.
    """
    if node.domain not in ("", "ai.onnx"):
        raise _UnknownError(f"the operator {node.domain}.{node.op_type} is not of ONNX")
    if node.op_type in _UNCOUNTED:
        raise _UnknownError(f"{node.op_type} is not counted")
    for graph in _subgraphs(node):
        if any(inner.op_type in (*_RULES, *_UNCOUNTED) or _subgraphs(inner) for inner in graph.node):
            raise _UnknownError(f"{node.op_type} decides at run time which convolutions and products there are")
    rule = _RULES.get(node.op_type)
    return rule(node, shapes) if rule else 0


def _subgraphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    return [attribute.g for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH]


def _shapes(graph: onnx.GraphProto) -> dict[str, Shape]:
    """The fixed shapes of tensors by name."""
    shapes: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.HasField("shape"):
            dims = value.type.tensor_type.shape.dim
            if all(dim.HasField("dim_value") for dim in dims):
                shapes.setdefault(value.name, tuple(dim.dim_value for dim in dims))
    return shapes


def _shape(shapes: Shapes, name: str) -> Shape:
    if name not in shapes:
        raise _UnknownError(f"the shape of {name} is not fixed")
    return shapes[name]


def _convolution(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Each output takes one kernel: the weights are (out, in / groups, ...)."""
    return math.prod(_shape(shapes, node.output[0])) * math.prod(_shape(shapes, node.input[1])[1:])


def _transposed_convolution(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Each input meets one kernel: the weights are (in, out / groups, ...)."""
    return math.prod(_shape(shapes, node.input[0])) * math.prod(_shape(shapes, node.input[1])[1:])


def _linear(node: onnx.NodeProto, shapes: Shapes) -> int:
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return math.prod(_shape(shapes, node.output[0])) * _shape(shapes, node.input[0])[0 if transposed else 1]


def _product(node: onnx.NodeProto, shapes: Shapes) -> int:
    return math.prod(_shape(shapes, node.output[0])) * _shape(shapes, node.input[0])[-1]


def _recurrent(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Every step of every sequence meets all weights of the input and of the state; X is (steps, sequences, size)."""
    return math.prod(_shape(shapes, node.input[0])[:2]) * sum(
        math.prod(_shape(shapes, name)) for name in node.input[1:3]
    )


def _einsum(node: onnx.NodeProto, shapes: Shapes) -> int:
    """A product over all indices, if two tensors are multiplied."""
    equation = next(attribute.s.decode() for attribute in node.attribute if attribute.name == "equation")
    if len(node.input) == 1:
        return 0
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    if len(terms) != 2 or "." in equation:
        raise _UnknownError(f"the Einsum {equation!r} is not counted")
    sizes = {
        index: size
        for term, name in zip(terms, node.input, strict=True)
        for index, size in zip(term, _shape(shapes, name), strict=True)
    }
    return math.prod(sizes.values())


_RULES: Mapping[str, Callable[[onnx.NodeProto, Shapes], int]] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "Gemm": _linear,
    "MatMul": _product,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
    "Einsum": _einsum,
}

_UNCOUNTED = ("Attention", "ConvInteger", "DeformConv", "MatMulInteger", "QLinearConv", "QLinearMatMul")
"""Operators with multiply-adds that have no rule."""
