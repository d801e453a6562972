"""A division by a number: a product with its reciprocal."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import pattern

from converters.fusion.constants import number

LOWEST_OPSET = 7

_FLOAT32 = np.finfo(np.float32)


def rules() -> pattern.RewriteRuleSet:
    """The rule."""
    written = itertools.count()

    def product(op: Any, x: ir.Value, divisor: ir.Value) -> Any:
        """What is written in place of a division."""
        found = number(divisor, x)
        assert found is not None
        # The rewriter takes constants of one name for one value, and loses all but the last.
        name = f"{divisor.name}_reciprocal_{next(written)}"
        return op.Mul(x, op.initializer(ir.tensor(np.array(1 / found, np.float32)), name=name))

    return pattern.RewriteRuleSet([pattern.RewriteRule(_pattern, product, _is_by_a_number, name="reciprocal")])


def _pattern(op: Any, x: Any, divisor: Any) -> Any:
    return op.Div(x, divisor)


def _is_by_a_number(context: Any, x: ir.Value, divisor: ir.Value) -> bool:
    """Whether the reciprocal is a number that float32 holds to its last digits, too."""
    del context
    found = number(divisor, x)
    return bool(found and _FLOAT32.tiny <= abs(1 / found) <= _FLOAT32.max)
