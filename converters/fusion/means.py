"""What the rules ask of the means in a pattern."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir

from converters.fusion.constants import constant


def mean(op: Any, x: Any, name: str) -> Any:
    """The pattern of a mean, whose axes are an attribute before operator set 18, and an input since."""
    return op.ReduceMean(x, _allow_other_inputs=True, _allow_other_attributes=True, _outputs=[name])


def global_average(op: Any, x: ir.Value, **means: ir.Value) -> Any:
    """What is written in place of the means."""
    del means
    return op.GlobalAveragePool(x)


def axes_of(result: ir.Value) -> list[int]:
    """The dimensions that a mean is over, if they stay as dimensions of size 1; else, or if they vary, none."""
    node = result.producer()
    assert node is not None
    if node.attributes.get_int("keepdims", 1) != 1:
        return []
    if len(node.inputs) < 2:
        return list(node.attributes.get_ints("axes", ()))
    array = constant(node.inputs[1])
    return [] if array is None else [int(axis) for axis in array]


def is_over_an_image(x: ir.Value, axes: Sequence[int]) -> bool:
    """Whether these are all dimensions of images in float32, apart from those of the batch and the channels."""
    if x.shape is None or x.dtype != ir.DataType.FLOAT:
        return False
    rank = x.shape.rank()
    return rank > 2 and sorted(axis % rank for axis in axes) == list(range(2, rank))
