"""The mean of each channel over the image, over one dimension after the other: the operator GlobalAveragePool."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter import pattern

from converters.fusion.means import axes_of, global_average, is_over_an_image, mean

LOWEST_OPSET = 1


def rules() -> pattern.RewriteRuleSet:
    """The rule."""
    return pattern.RewriteRuleSet([pattern.RewriteRule(_pattern, global_average, _are_of_an_image, name="two means")])


def _pattern(op: Any, x: Any) -> Any:
    return mean(op, mean(op, x, "first"), "second")


def _are_of_an_image(context: Any, x: ir.Value, first: ir.Value, second: ir.Value) -> bool:
    del context
    each = axes_of(first), axes_of(second)
    return all(each) and is_over_an_image(x, [*each[0], *each[1]])
