"""Restores the weights of a graph that was exported without them, and folds what they make constant.

A graph exported with its kernels as inputs keeps what an exporter would otherwise fold into constants: layout
changes of kernels, and batch norms after convolutions. Both are folded here, one kernel at a time, so that all
weights never exist twice.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from converters.subgraphs import names_read

Array = NDArray[Any]
Constants = Mapping[str, onnx.TensorProto]

_NORM_EPSILON = 1e-5


def _attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
    """An attribute's value, or the operator's default if it is not given."""
    for attribute in node.attribute:
        if attribute.name == name:
            return onnx.helper.get_attribute_value(attribute)
    return default


def _consumers(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """The nodes that read each tensor; a graph output counts as a reader."""
    found: dict[str, list[onnx.NodeProto]] = collections.defaultdict(list)
    for node in graph.node:
        for name in names_read(node):
            found[name].append(node)
    for value in graph.output:
        found[value.name].append(onnx.NodeProto())
    return found


def _replace_input(nodes: Iterable[onnx.NodeProto], old: str, new: str) -> None:
    for node in nodes:
        for position, name in enumerate(node.input):
            if name == old:
                node.input[position] = new


def _remove(graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> None:
    """Removes nodes, and the constants that no other node reads."""
    for node in nodes:
        node.Clear()
    for index in reversed(range(len(graph.node))):
        if not graph.node[index].op_type:
            del graph.node[index]
    read = {name for node in graph.node for name in names_read(node)}
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name not in read:
            del graph.initializer[index]


def drop_idle_reshapes(model: onnx.ModelProto) -> None:
    """Removes, in place, every Reshape to the static shape that its input already has."""
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in onnx.shape_inference.infer_shapes(model).graph.value_info
    }
    consumers = _consumers(model.graph)
    outputs = {value.name for value in model.graph.output}
    idle = []
    for node in model.graph.node:
        if node.op_type != "Reshape" or node.output[0] in outputs:
            continue
        source, result = node.input[0], node.output[0]
        before, after = shapes.get(source), shapes.get(result)
        # An unknown dimension reads as 0.
        if before is None or before != after or 0 in before:
            continue
        _replace_input(consumers[result], result, source)
        consumers[source] += consumers[result]
        idle.append(node)
    _remove(model.graph, idle)


def _reshaped(value: Array, node: onnx.NodeProto, constants: Constants) -> Array:
    wanted = numpy_helper.to_array(constants[node.input[1]]).tolist()
    # A 0 keeps the input's dimension.
    return value.reshape([size or value.shape[position] for position, size in enumerate(wanted)])


_LAYOUT: Mapping[str, Callable[[Array, onnx.NodeProto, Constants], Array]] = {
    "Reshape": _reshaped,
    "Transpose": lambda value, node, _: value.transpose(_attribute(node, "perm")),
}
"""Operators that merely rearrange a kernel, and the same operation on its value."""


def bind_weights(model: onnx.ModelProto, weights: Mapping[str, tuple[str, Callable[[], Array]]]) -> None:
    """Turns inputs into constants, in place.

    Each gets the layout that the graph would bring it to, and absorbs the BatchNormalization after its
    convolution if that is the only reader.

    Args:
        model: has the inputs named in `weights`.
        weights: for each input name, the constant's name and a function that reads its value.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    consumers = _consumers(graph)
    done: list[onnx.NodeProto] = []
    for source, (name, read) in weights.items():
        value, current = read(), source
        # A kernel that several nodes read keeps its layout.
        while len(consumers[current]) == 1 and consumers[current][0].op_type in _LAYOUT:
            node = consumers[current][0]
            value, current = _LAYOUT[node.op_type](value, node, constants), node.output[0]
            done.append(node)
        readers = consumers[current]
        _replace_input(readers, current, name)
        if len(readers) == 1 and readers[0].op_type == "Conv":
            norm = _norm_behind(readers[0], consumers, constants)
            if norm is not None:
                value, bias = _folded(value, readers[0], norm, constants)
                _take_over(graph, readers[0], norm, bias, f"{name}/folded_bias")
                done.append(norm)
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    for index in reversed(range(len(graph.input))):
        if graph.input[index].name in weights:
            del graph.input[index]
    _remove(graph, done)


def fold_norms(model: onnx.ModelProto) -> None:
    """Lets every convolution of a graph absorb the BatchNormalization that is its only reader, in place.

    Quantised, the two would be two roundings. Kernels that several nodes read, and norms that use the statistics of a
    batch, stay.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    consumers = _consumers(graph)
    done: list[onnx.NodeProto] = []
    for node in graph.node:
        kernel = constants.get(node.input[1]) if node.op_type == "Conv" else None
        if kernel is None or len(consumers[kernel.name]) != 1:
            continue
        norm = _norm_behind(node, consumers, constants)
        if norm is None or len(norm.output) != 1 or _attribute(norm, "training_mode", 0):
            continue
        value, bias = _folded(numpy_helper.to_array(kernel), node, norm, constants)
        kernel.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value), kernel.name))
        _take_over(graph, node, norm, bias, f"{kernel.name}/folded_bias")
        done.append(norm)
    _remove(graph, done)


def _norm_behind(
    convolution: onnx.NodeProto, consumers: Mapping[str, list[onnx.NodeProto]], constants: Constants
) -> onnx.NodeProto | None:
    """The batch norm with constant parameters that is the only reader of a convolution's result, if there is one."""
    readers = consumers[convolution.output[0]]
    if len(readers) != 1 or readers[0].op_type != "BatchNormalization":
        return None
    needed = [*convolution.input[2:], *readers[0].input[1:]]
    return readers[0] if all(name in constants for name in needed) else None


def _folded(
    kernel: Array, convolution: onnx.NodeProto, norm: onnx.NodeProto, constants: Constants
) -> tuple[Array, Array]:
    """The kernel (out, in, ...) and bias (out,) of a convolution that includes the batch norm."""
    gamma, beta, mean, variance = (numpy_helper.to_array(constants[name]).astype(np.float64) for name in norm.input[1:])
    scale = gamma / np.sqrt(variance + _attribute(norm, "epsilon", _NORM_EPSILON))
    own_bias = numpy_helper.to_array(constants[convolution.input[2]]) if len(convolution.input) > 2 else 0.0
    bias = beta + (own_bias - mean) * scale
    factor = scale.astype(kernel.dtype).reshape(-1, *[1] * (kernel.ndim - 1))
    return kernel * factor, bias.astype(kernel.dtype)


def _take_over(
    graph: onnx.GraphProto, convolution: onnx.NodeProto, norm: onnx.NodeProto, bias: Array, bias_name: str
) -> None:
    """Makes a convolution produce the norm's result, with the given bias."""
    graph.initializer.append(numpy_helper.from_array(bias, bias_name))
    del convolution.input[2:]
    convolution.input.append(bias_name)
    convolution.output[0] = norm.output[0]
