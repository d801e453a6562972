"""A float16 graph whose rounding ONNX Runtime's CPU provider really carries out, on any processor.

Where that provider has no float16 kernels, as on x86-64, it computes a float16 graph in float32 from end to end, and
removes the casts that it had inserted between operators. Nothing but the weights is rounded or overflows, so a graph
that yields infinity on a GPU would pass. It keeps casts that are in the file.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx import inliner

from converters.errors import ConversionError
from converters.graph_precision import element_types

_OPERATORS_NAMED_MAX = 3


def with_rounding(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a float16 graph in which every operator computes in float32 and rounds its result to float16.

    A GPU whose kernels accumulate in float32 does the same, except that fused operators round less often.

    Args:
        model: inputs and outputs of any type.

    Raises:
        ConversionError: the graph has control flow, or operators whose results have an unknown type.
    """
    if model.functions:
        model = inliner.inline_local_functions(model)
    types = _types(model)
    rounded = onnx.ModelProto()
    rounded.CopyFrom(model)
    graph = rounded.graph
    del graph.node[:], graph.value_info[:]
    names = _Names(types)
    wide: dict[str, str] = {}
    for original in model.graph.node:
        halves = {name for name in original.input if types.get(name) == onnx.TensorProto.FLOAT16}
        node = graph.node.add()
        node.CopyFrom(original)
        if not halves or node.op_type == "Cast":
            continue
        del graph.node[-1]
        for name in sorted(halves - wide.keys()):
            wide[name] = names.fresh(f"{name}_float32")
            graph.node.append(onnx.helper.make_node("Cast", [name], [wide[name]], to=onnx.TensorProto.FLOAT))
        node.input[:] = [wide.get(name, name) for name in node.input]
        exact = {
            name: names.fresh(f"{name}_exact") for name in node.output if types.get(name) == onnx.TensorProto.FLOAT16
        }
        node.output[:] = [exact.get(name, name) for name in node.output]
        graph.node.append(node)
        for name, result in exact.items():
            graph.node.append(onnx.helper.make_node("Cast", [result], [name], to=onnx.TensorProto.FLOAT16))
    return rounded


class _Names:
    """Names of new tensors that no tensor of the graph has."""

    def __init__(self, taken: Mapping[str, int]) -> None:
        self._taken = set(taken)

    def fresh(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def _types(model: onnx.ModelProto) -> dict[str, int]:
    """The element types of all tensors.

    Raises:
        ConversionError: see `with_rounding`.
    """
    nodes = model.graph.node
    bodies = [node.op_type for node in nodes if any(attribute.HasField("g") for attribute in node.attribute)]
    if bodies:
        raise ConversionError(f"it has control flow ({_listed(bodies)}), which cannot be followed")
    try:
        types = element_types(model)
    except onnx.shape_inference.InferenceError as error:
        raise ConversionError(f"the types of its tensors contradict one another: {error}") from error
    unknown = [node.op_type for node in nodes if any(name and not types.get(name) for name in node.output)]
    if unknown:
        raise ConversionError(f"the types of the results of some operators are not known: {_listed(unknown)}")
    return types


def _listed(operators: list[str]) -> str:
    """The first of the operators, each once."""
    return ", ".join(list(dict.fromkeys(operators))[:_OPERATORS_NAMED_MAX])
