#!/usr/bin/env bash
# TensorRT for RTX reads uint8 quantization as int8. Where QuantizeLinear has the zero point 0 of type uint8, as quantizers
# write it after a ReLU, its parser logs a warning, returns True, and makes an INT8 layer of the same scale. Levels end at
# 127 instead of 255, so that the upper half of the range is clipped to its middle.
#
# Versions: tensorrt-rtx-cu13 1.7.1.116; onnx 1.23.2; numpy 2.4.6; CPython 3.11; Linux x86-64, no GPU and no driver needed.
# Seen with a convolution whose activations are quantized with scale 0.1, once to uint8 and once to int8:
#   Both parse; the uint8 file's quantized tensor is DataType.INT8; the two engines are equal byte for byte.
#   ONNX's reference: of an input of 25.5, which is level 255, the int8 file's outputs are half of the uint8 file's.
#   A uint8 zero point of 128 is refused with a message.
#
# Exits with 0 if this is so, and with 1 if the behaviour changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    tensorrt-rtx-cu13==1.7.1.116 onnx==1.23.2 numpy==2.4.6

cat >"$folder/observe.py" <<'PYTHON'
"""Builds the same network with activations quantized to uint8 and to int8, and compares the engines."""

import numpy as np
import onnx
import tensorrt_rtx as trt
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator


class Logger(trt.ILogger):
    def __init__(self):
        trt.ILogger.__init__(self)
        self.warnings = []

    def log(self, severity, message):
        if severity == trt.ILogger.Severity.WARNING:
            self.warnings.append(message)


logger = Logger()
builder = trt.Builder(logger)


def network(dtype, zero_point):
    """A convolution of an activation that is quantized, and dequantized, in the given type."""
    constants = {
        "scale": np.float32(0.1),
        "zero": np.array(zero_point, dtype),
        "weight": np.random.default_rng(0).uniform(0, 1, (4, 2, 3, 3)).astype(np.float32),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["levels"]),
        helper.make_node("DequantizeLinear", ["levels", "scale", "zero"], ["values"]),
        helper.make_node("Conv", ["values", "weight"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "quantized",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 6, 6])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model


def parse(model):
    definition = builder.create_network(0)
    definition.name = "quantized"
    parser = trt.OnnxParser(definition, logger)
    parsed = parser.parse(model.SerializeToString())
    return definition if parsed else parser.get_error(0).desc()


def observe(dtype):
    """The type of the quantized tensor, the engine, and what ONNX's reference computes."""
    model = network(dtype, 0)
    logger.warnings.clear()
    definition = parse(model)
    layers = [definition.get_layer(index) for index in range(definition.num_layers)]
    (quantized,) = [one.get_output(0).dtype for one in layers if one.type == trt.LayerType.QUANTIZE]
    print(f"{np.dtype(dtype)}: the quantized tensor is {quantized}", *sorted(set(logger.warnings)), sep="\n  ")
    engine = bytes(builder.build_serialized_network(definition, builder.create_builder_config()))
    images = np.full((1, 2, 8, 8), 25.5, np.float32)
    return quantized, engine, ReferenceEvaluator(model).run(None, {"x": images})[0]


unsigned, unsigned_engine, unsigned_output = observe(np.uint8)
signed, signed_engine, signed_output = observe(np.int8)
share = float((signed_output / unsigned_output).mean())
refusal = parse(network(np.uint8, 128))
print(f"the engines are {'equal' if unsigned_engine == signed_engine else 'different'}")
print(f"by ONNX's reference the int8 file's outputs are {share:.0%} of the uint8 file's")
print(f"uint8 with zero point 128: {refusal}")
assert unsigned == signed == trt.DataType.INT8, "the quantized tensor has another type than seen"
assert unsigned_engine == signed_engine, "the two engines differ"
assert 0.49 < share < 0.51, "the two files mean something else than seen"
assert isinstance(refusal, str) and "Non-zero zero point is not supported" in refusal, "zero point 128 is not refused"
PYTHON
"$folder/venv/bin/python" "$folder/observe.py"
