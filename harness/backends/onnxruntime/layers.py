"""The time of each node, from a report of ONNX Runtime's profiler over several inferences.

An event is written when the work it times ends: the nodes of an inference come before the `model_run` that
encloses them. Times are truncated to whole microseconds, so the many small nodes of a network look a little
cheaper than they are.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.backends.layers import LayerTime
from harness.backends.onnxruntime import nodes
from harness.errors import HarnessError, UnsupportedError

_INFERENCE_EVENT = "model_run"


@dataclasses.dataclass(frozen=True)
class TimedNode:
    """One execution of a node."""

    node: nodes.ExecutedNode
    begin_us: int
    time_us: int
    variant: str
    shapes: str

    @property
    def identity(self) -> tuple[str, str]:
        """What the executions of one node in different inferences have in common."""
        return self.node.operator, self.node.name


def read_layer_times(report: Path, inferences: int) -> list[LayerTime]:
    """The median time of each node over the last inferences of a report, in order of execution.

    Raises:
        HarnessError: the report contains fewer inferences, because the profiler keeps a million events and
            drops the rest.
        UnsupportedError: inferences ran different nodes, as happens with control flow.
    """
    runs = read_inferences(report)
    if len(runs) < inferences:
        raise HarnessError(
            f"The profiler's report contains {len(runs)} of {inferences} inferences: it keeps no more than a million "
            "events. Profile fewer inferences."
        )
    runs = runs[-inferences:]
    if any([one.identity for one in run] != [one.identity for one in runs[0]] for run in runs):
        raise UnsupportedError(
            "The inferences ran different nodes, so nodes cannot be timed. Export the model without control flow."
        )
    return [_layer(position, executions) for position, executions in enumerate(zip(*runs, strict=True))]


def _layer(position: int, executions: Sequence[TimedNode]) -> LayerTime:
    first = executions[0]
    return LayerTime(
        position=position,
        name=first.node.name,
        kind=first.node.operator,
        precision=nodes.precision_of([first.node]),
        time_ms=statistics.median(one.time_us for one in executions) / 1000,
        variant=first.variant,
        shapes=first.shapes,
    )


def read_inferences(report: Path) -> list[list[TimedNode]]:
    """The nodes of each inference in order of execution, without those inside other nodes."""
    runs: list[list[TimedNode]] = []
    pending: list[TimedNode] = []
    for event in json.loads(report.read_text()):
        if nodes.is_kernel(event):
            pending.append(_timed(event))
        elif event["name"] == _INFERENCE_EVENT:
            runs.append(_outermost(pending))
            pending = []
    return runs


def _outermost(executed: list[TimedNode]) -> list[TimedNode]:
    """The nodes that did not run inside another node, as the body of an `If` does, whose time includes theirs."""
    # A body may begin in the same microsecond as the node that contains it, which takes longer.
    ordered = sorted(executed, key=lambda one: (one.begin_us, -one.time_us))
    kept: list[TimedNode] = []
    end_us = -1
    for one in ordered:
        if one.begin_us >= end_us:
            kept.append(one)
            end_us = one.begin_us + one.time_us
    return kept


def _timed(event: dict[str, Any]) -> TimedNode:
    node = nodes.executed_node(event)
    inputs, outputs = (_shapes(event["args"].get(name, [])) for name in ("input_type_shape", "output_type_shape"))
    return TimedNode(
        node=node,
        begin_us=event["ts"],
        time_us=event["dur"],
        variant=_variant(inputs, outputs) if "Conv" in node.operator else "",
        shapes=" > ".join(_text(shapes[0][1:]) for shapes in (inputs, outputs) if shapes),
    )


def _shapes(values: list[dict[str, list[int]]]) -> list[list[int]]:
    return [shape for value in values for shape in value.values()]


def _text(sizes: list[int]) -> str:
    return "x".join(map(str, sizes))


def _variant(inputs: list[list[int]], outputs: list[list[int]]) -> str:
    """A convolution's kernel and groups, as in `3x3 depthwise`; empty if its weights are not reported.

    Weights, (outputs, inputs of a group, height, width), are recognised by their shape: quantised operators
    have scales before them, and kernels that rearrange their weights report none.
    """
    if not inputs or not outputs or len(inputs[0]) < 3:
        return ""
    image, made = inputs[0], outputs[0]
    for weights in inputs[1:]:
        if len(weights) == len(image) and weights[0] == made[1]:
            groups = max(image[1] // max(weights[1], 1), 1)
            word = "" if groups == 1 else " depthwise" if weights[1] == 1 else " grouped"
            return _text(weights[2:]) + word
    return ""
