"""Hard swish, x * relu6(x + 3) / 6, in each order of its products and with its hard sigmoid: the operator HardSwish."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import pattern

from converters.fusion.hard_sigmoid import ALPHA, BETA, is_divided_by_six, is_multiplied_by_a_sixth, relu6

LOWEST_OPSET = 14


def rules() -> pattern.RewriteRuleSet:
    """The rule for each form that exporters write, and for their neighbours."""
    written_out = [
        pattern.RewriteRule(
            form, _rewritten, is_divided_by_six if divided else is_multiplied_by_a_sixth, name=f"hard swish, {name}"
        )
        for name, form, divided in (
            ("product divided", _product_divided, True),
            ("product multiplied", _product_multiplied, False),
            ("gate divided", _gate_divided, True),
            ("gate multiplied", _gate_multiplied, False),
            ("x divided", _x_divided, True),
            ("x multiplied", _x_multiplied, False),
        )
    ]
    gated = pattern.RewriteRule(_gated, _rewritten, _is_gate, name="hard swish, of a hard sigmoid")
    return pattern.RewriteRuleSet([*written_out, gated], commute=True)


def _product_divided(op: Any, x: Any, shift: Any, low: Any, high: Any, scale: Any) -> Any:
    return op.Div(op.Mul(x, relu6(op, x, shift, low, high)), scale)


def _product_multiplied(op: Any, x: Any, shift: Any, low: Any, high: Any, scale: Any) -> Any:
    return op.Mul(op.Mul(x, relu6(op, x, shift, low, high)), scale)


def _gate_divided(op: Any, x: Any, shift: Any, low: Any, high: Any, scale: Any) -> Any:
    return op.Mul(x, op.Div(relu6(op, x, shift, low, high), scale))


def _gate_multiplied(op: Any, x: Any, shift: Any, low: Any, high: Any, scale: Any) -> Any:
    return op.Mul(x, op.Mul(relu6(op, x, shift, low, high), scale))


def _x_divided(op: Any, x: Any, shift: Any, low: Any, high: Any, scale: Any) -> Any:
    return op.Mul(op.Div(x, scale), relu6(op, x, shift, low, high))


def _x_multiplied(op: Any, x: Any, shift: Any, low: Any, high: Any, scale: Any) -> Any:
    return op.Mul(op.Mul(x, scale), relu6(op, x, shift, low, high))


def _gated(op: Any, x: Any) -> Any:
    return op.Mul(x, op.HardSigmoid(x, _allow_other_attributes=True, _outputs=["gate"]))


def _is_gate(context: Any, x: ir.Value, gate: ir.Value) -> bool:
    del context, x
    node = gate.producer()
    assert node is not None
    slope = node.attributes.get_float("alpha", 0.2)
    return bool(np.isclose(slope, ALPHA)) and node.attributes.get_float("beta", BETA) == BETA


def _rewritten(op: Any, x: ir.Value, **others: ir.Value) -> Any:
    del others
    return op.HardSwish(x)
