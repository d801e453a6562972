"""The optimiser that PyTorch's exporter ends with, without the rules that cost much and cannot match.

To match a rule whose pattern has several output nodes, onnxscript goes through the whole graph at each of its nodes:
one such rule of 46 takes half of the optimiser's time (findings/onnxscript_optimize_quadratic.sh). A graph that lacks
an operator of the pattern's ends cannot match it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx_ir
    import torch

_RULES = "_DEFAULT_REWRITE_RULES"
"""The optimiser's rules have no public name; without this one, all of them are applied."""


def optimize(program: torch.onnx.ONNXProgram) -> None:
    """Optimises a program, in place, as `torch.onnx.export(optimize=True)` does."""
    with _without_futile_rules(program.model):
        program.optimize()


@contextlib.contextmanager
def _without_futile_rules(model: onnx_ir.Model) -> Iterator[None]:
    from onnxscript import rewriter

    every = getattr(rewriter, _RULES, None)
    if not isinstance(every, tuple):
        yield
        return
    operators = {node.op_identifier() for node in model.graph}
    setattr(rewriter, _RULES, tuple(rule for rule in every if not _is_futile(rule, operators)))
    try:
        yield
    finally:
        setattr(rewriter, _RULES, every)


def _is_futile(rule: Any, operators: set[tuple[str, str, str]]) -> bool:
    """Whether a pattern has several output nodes, one of which is no operator of the graph."""
    try:
        outputs = rule._target_pattern.output_nodes
        wanted = [node.op_identifier() for node in outputs]
    except AttributeError:
        return False
    return len(outputs) > 1 and any(one is not None and one not in operators for one in wanted)
