#!/usr/bin/env bash
# TensorRT for RTX parses ONNX's Attention operator in float32 and builds no engine of it. The parser does not mark its
# attention as decomposable, and there is a dedicated kernel neither for float32 nor for heads of 8 values. A vision
# transformer with this operator, which is new in operator set 23, therefore builds in float16 and bfloat16 alone.
#
# Versions: tensorrt-rtx-cu13 1.7.1.116; onnx 1.23.2; CPython 3.11; Linux x86-64, no GPU and no driver needed.
# Seen with 2 heads and 197 positions; the parser's supports_operator("Attention") is True:
#   float32, 64 values a head: parsed; build_serialized_network returns None, and the log says "Attention operation was not
#     supported by a dedicated kernel". With `decomposable = True` set on the parsed network's attention it builds.
#   float16, 8 values a head: the same.
#   float16 and bfloat16, 64 values a head: builds as it is.
#
# Exits with 0 if this is so, and with 1 if the behaviour changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check tensorrt-rtx-cu13==1.7.1.116 onnx==1.23.2

cat >"$folder/observe.py" <<'PYTHON'
"""Builds networks of one Attention node, as they are parsed and with decomposable attention."""

import onnx
import tensorrt_rtx as trt
from onnx import TensorProto, helper


class Logger(trt.ILogger):
    def __init__(self):
        trt.ILogger.__init__(self)
        self.errors = []

    def log(self, severity, message):
        if severity == trt.ILogger.Severity.ERROR:
            self.errors.append(message)


logger = Logger()
builder = trt.Builder(logger)


def builds(kind, values_per_head, decomposable):
    """Whether an engine is built; the network has to be parsed."""
    shape = [1, 2, 197, values_per_head]
    tensors = [helper.make_tensor_value_info(name, kind, shape) for name in ("query", "key", "value", "output")]
    node = helper.make_node("Attention", ["query", "key", "value"], ["output"])
    graph = helper.make_graph([node], "attention", tensors[:3], tensors[3:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    assert parser.supports_operator("Attention"), "the operator is not supported"
    assert parser.parse(model.SerializeToString()), parser.get_error(0).desc()
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        if decomposable and layer.type == trt.LayerType.ATTENTION_OUTPUT:
            layer.__class__ = trt.IAttentionOutputLayer
            layer.attention.decomposable = True
    logger.errors.clear()
    built = builder.build_serialized_network(network, builder.create_builder_config()) is not None
    assert built or "not supported by a dedicated kernel" in logger.errors[0], logger.errors
    return built


EXPECTED = {
    (TensorProto.FLOAT, 64): (False, True),
    (TensorProto.FLOAT16, 8): (False, True),
    (TensorProto.FLOAT16, 64): (True, True),
    (TensorProto.BFLOAT16, 64): (True, True),
}
seen = {case: tuple(builds(*case, decomposable) for decomposable in (False, True)) for case in EXPECTED}
for (kind, values_per_head), (parsed, marked) in seen.items():
    name = TensorProto.DataType.Name(kind).lower()
    print(f"{name}, {values_per_head} values a head: builds as parsed: {parsed}, marked as decomposable: {marked}")
assert seen == EXPECTED, "the behaviour has changed"
PYTHON
"$folder/venv/bin/python" "$folder/observe.py"
