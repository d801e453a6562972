"""Hard sigmoid, relu6(x + 3) / 6, which networks of PyTorch compute in pieces: the operator HardSigmoid."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter import pattern

from converters.fusion.constants import is_number

LOWEST_OPSET = 6
ALPHA, BETA = 1 / 6, 0.5


def rules() -> pattern.RewriteRuleSet:
    """The rule for each form that exporters write."""
    return pattern.RewriteRuleSet(
        [
            pattern.RewriteRule(_divided, _rewritten, is_divided_by_six, name="hard sigmoid, divided"),
            pattern.RewriteRule(_multiplied, _rewritten, is_multiplied_by_a_sixth, name="hard sigmoid, multiplied"),
        ],
        commute=True,
    )


def relu6(op: Any, x: Any, shift: Any, low: Any, high: Any) -> Any:
    """The pattern of relu6(x + 3)."""
    return op.Clip(op.Add(x, shift), low, high)


def _is_relu6(x: ir.Value, shift: ir.Value, low: ir.Value, high: ir.Value) -> bool:
    """Whether these are the constants of relu6(x + 3)."""
    return is_number(shift, 3.0, x) and is_number(low, 0.0) and is_number(high, 6.0)


def _divided(op: Any, x: Any, shift: Any, low: Any, high: Any, scale: Any) -> Any:
    return op.Div(relu6(op, x, shift, low, high), scale)


def _multiplied(op: Any, x: Any, shift: Any, low: Any, high: Any, scale: Any) -> Any:
    return op.Mul(relu6(op, x, shift, low, high), scale)


def is_divided_by_six(
    context: Any, x: ir.Value, shift: ir.Value, low: ir.Value, high: ir.Value, scale: ir.Value
) -> bool:
    """Whether the constants are those of relu6(x + 3) / 6."""
    del context
    return _is_relu6(x, shift, low, high) and is_number(scale, 6.0, x)


def is_multiplied_by_a_sixth(
    context: Any, x: ir.Value, shift: ir.Value, low: ir.Value, high: ir.Value, scale: ir.Value
) -> bool:
    """Whether the constants are those of relu6(x + 3) * (1 / 6)."""
    del context
    return _is_relu6(x, shift, low, high) and is_number(scale, 1 / 6, x)


def _rewritten(op: Any, x: ir.Value, **constants: ir.Value) -> Any:
    del constants
    return op.HardSigmoid(x, alpha=ALPHA, beta=BETA)
