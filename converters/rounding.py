"""A float16 graph whose rounding ONNX Runtime's CPU provider really carries out, on any processor.

Where that provider has no float16 kernels, as on x86-64, it computes a float16 graph in float32 from end to end, and
removes the casts that it had inserted between operators. Nothing but the weights is rounded or overflows, so a graph
that yields infinity on a GPU would pass. It keeps casts that are in the file.
"""

from __future__ import annotations

import onnx

from converters.graph_precision import element_types


def with_rounding(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a float16 graph in which every operator computes in float32 and rounds its result to float16.

    A GPU whose kernels accumulate in float32 does the same, except that fused operators round less often.

    Args:
        model: without subgraphs; inputs and outputs of any type.
    """
    types = element_types(model)
    rounded = onnx.ModelProto()
    rounded.CopyFrom(model)
    graph = rounded.graph
    del graph.node[:], graph.value_info[:]
    wide: dict[str, str] = {}
    for original in model.graph.node:
        halves = {name for name in original.input if types.get(name) == onnx.TensorProto.FLOAT16}
        node = graph.node.add()
        node.CopyFrom(original)
        if not halves or node.op_type == "Cast":
            continue
        del graph.node[-1]
        for name in sorted(halves - wide.keys()):
            wide[name] = f"{name}_float32"
            graph.node.append(onnx.helper.make_node("Cast", [name], [wide[name]], to=onnx.TensorProto.FLOAT))
        node.input[:] = [wide.get(name, name) for name in node.input]
        results = [name for name in node.output if types.get(name) == onnx.TensorProto.FLOAT16]
        node.output[:] = [f"{name}_exact" if name in results else name for name in node.output]
        graph.node.append(node)
        for name in results:
            graph.node.append(onnx.helper.make_node("Cast", [f"{name}_exact"], [name], to=onnx.TensorProto.FLOAT16))
    return rounded
