"""The mean of each channel over the image, over both dimensions at once: the operator GlobalAveragePool."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter import pattern

from converters.fusion.means import axes_of, global_average, is_over_an_image, mean

LOWEST_OPSET = 1


def rules() -> pattern.RewriteRuleSet:
    """The rule."""
    return pattern.RewriteRuleSet([pattern.RewriteRule(_pattern, global_average, _is_of_an_image, name="one mean")])


def _pattern(op: Any, x: Any) -> Any:
    return mean(op, x, "only")


def _is_of_an_image(context: Any, x: ir.Value, only: ir.Value) -> bool:
    del context
    return is_over_an_image(x, axes_of(only))
