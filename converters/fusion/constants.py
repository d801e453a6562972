"""What the rules ask of the constants in a pattern."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

_LAST_DIGITS = 2.0**-22
"""Relative difference between a number in float32 and its neighbours, or less."""


def constant(value: ir.Value | None) -> NDArray[Any] | None:
    """The array of a constant; None for other values, among them inputs of the graph that have a default."""
    if value is None or value.is_graph_input():
        return None
    tensor = ir.convenience.get_const_tensor(value)
    return None if tensor is None else tensor.numpy()


def number(value: ir.Value | None, beside: ir.Value | None = None) -> float | None:
    """The one number that a constant of float32 holds, as the graphs here are; None for other values.

    Args:
        value: the value.
        beside: the operator's other input, whose shape the constant must not change; None if it cannot.
    """
    array = constant(value)
    if array is None or array.size != 1 or array.dtype != np.float32:
        return None
    dimensions = beside.shape.rank() if beside is not None and beside.shape is not None else 0
    return float(array.item()) if array.ndim <= dimensions else None


def is_number(value: ir.Value | None, expected: float, beside: ir.Value | None = None) -> bool:
    """Whether a value is a constant of float32 that holds a number to its last digits.

    Args:
        value: the value.
        expected: the number.
        beside: see `number`.
    """
    found = number(value, beside)
    return found is not None and bool(np.isclose(found, expected, rtol=_LAST_DIGITS, atol=0.0))
