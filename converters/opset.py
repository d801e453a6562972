"""Rewrites a graph from opset 18 to 17, which TensorRT 8.5 needs and PyTorch's dynamo exporter cannot write.

onnx's own version converter does not find axes in initialisers, where the exporter puts them, and has no
rule for Pad. Only operators that changed between the two opsets need a rule; one that opset 18 redefined and
that has no rule is refused by name.
"""

from __future__ import annotations

import onnx
from onnx import numpy_helper

from converters.errors import ConversionError

SOURCE_OPSET = 18
TARGET_OPSET = 17


def _axes_to_attribute(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> None:
    """Moves the axes of a Reduce* to an attribute, as in opset 17; in opset 18 they are an input."""
    for attribute in [a for a in node.attribute if a.name == "noop_with_empty_axes"]:
        node.attribute.remove(attribute)
    if len(node.input) < 2 or not node.input[1]:
        return
    if node.input[1] not in constants:
        raise ConversionError(f"{node.op_type} {node.name!r} has computed axes; convert with opset 18")
    axes = numpy_helper.to_array(constants[node.input[1]]).tolist()
    del node.input[1:]
    node.attribute.append(onnx.helper.make_attribute("axes", axes))


def _drop_pad_axes(node: onnx.NodeProto) -> None:
    """Removes the input for axes that opset 18 added to Pad; without it, Pad is that of opset 13."""
    if len(node.input) > 3 and node.input[3]:
        raise ConversionError(f"Pad {node.name!r} has explicit axes; convert with opset 18")
    del node.input[3:]


def _drop_num_outputs(node: onnx.NodeProto) -> None:
    """Removes the number of outputs that opset 18 added to Split; opset 17 splits equally without it."""
    for attribute in [a for a in node.attribute if a.name == "num_outputs"]:
        node.attribute.remove(attribute)


def _same_since(op_type: str, opset: int) -> bool:
    return bool(onnx.defs.get_schema(op_type, SOURCE_OPSET).since_version <= opset)


def lower_to_17(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph in opset 17, in place.

    Raises:
        ConversionError: an operator of opset 18 has no equivalent in 17.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if _same_since(node.op_type, TARGET_OPSET):
            continue
        if node.op_type.startswith("Reduce"):
            _axes_to_attribute(node, constants)
        elif node.op_type == "Pad":
            _drop_pad_axes(node)
        elif node.op_type == "Split":
            _drop_num_outputs(node)
        else:
            raise ConversionError(f"{node.op_type} of opset 18 cannot be rewritten for opset 17; convert with opset 18")
    used = {name for node in graph.node for name in node.input}
    for tensor in [t for t in graph.initializer if t.name not in used]:
        graph.initializer.remove(tensor)
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = TARGET_OPSET
    return model
