#!/usr/bin/env bash
# OpenVINO rounds what a Concat joins to whole numbers if the result is quantised for a convolution.
#
# Versions: openvino 2026.4.1, onnx 1.23.1, numpy 2.4.6; CPython 3.11, Linux x86-64. 2024.3 and 2024.4 do the same.
# The network: Concat of an image and its Relu, QuantizeLinear and DequantizeLinear with step 0.03, and a convolution
#   with int8 weights of at most 60, whose sums fit into 16 bits on any processor. Values are standard normal.
# Seen: the convolution's output is 31 % from what the graph says (relative L2), computed with numpy. The values that it
#   reads are whole numbers: the type of the result, u8, is given to the Concat, and the step is not.
# Seen with LP_TRANSFORMS_MODE off, in which nothing runs in integers: less than 0.0001 % away.
# Seen without the Concat: equally near.
#
# Exits with 0 if all of this is so, otherwise with 1.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check openvino==2026.4.1 onnx==1.23.1 numpy==2.4.6
# OpenVINO reports to its maker through this package.
"$folder/venv/bin/python" -m pip uninstall --quiet --yes openvino-telemetry

"$folder/venv/bin/python" - "$folder/network.onnx" <<'PYTHON'
import sys

import numpy as np
import onnx
import openvino
from onnx import TensorProto, helper, numpy_helper

STEP, WEIGHT_STEP = np.float32(0.03), np.float32(0.01)
rng = np.random.default_rng(0)
image = rng.standard_normal((1, 4, 8, 8)).astype(np.float32)


def network(joined):
    """The path of the network, and what it computes."""
    channels = 8 if joined else 4
    weights = rng.integers(-60, 61, (4, channels, 1, 1)).astype(np.int8)
    constants = {
        "step": STEP,
        "zero": np.int8(0),
        "weights": weights,
        "steps": np.full(4, WEIGHT_STEP),
        "zeros": np.zeros(4, np.int8),
    }
    nodes = [
        helper.make_node("Relu", ["image"], ["positive"]),
        *([helper.make_node("Concat", ["positive", "image"], ["joined"], axis=1)] if joined else []),
        helper.make_node("QuantizeLinear", ["joined" if joined else "positive", "step", "zero"], ["quantised"]),
        helper.make_node("DequantizeLinear", ["quantised", "step", "zero"], ["read"]),
        helper.make_node("DequantizeLinear", ["weights", "steps", "zeros"], ["kernel"], axis=0),
        helper.make_node("Conv", ["read", "kernel"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, image.shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 4, 8, 8])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, sys.argv[1])
    positive = np.maximum(image, 0)
    values = np.concatenate([positive, image], axis=1) if joined else positive
    read = np.clip(np.rint(values / STEP), -128, 127) * STEP
    return np.einsum("oi,nihw->nohw", weights[:, :, 0, 0] * WEIGHT_STEP, read)


def distance(expected, integers):
    """The relative L2 of OpenVINO's output."""
    settings = {"INFERENCE_PRECISION_HINT": "f32", "LP_TRANSFORMS_MODE": integers}
    compiled = openvino.Core().compile_model(sys.argv[1], "CPU", settings)
    (output,) = compiled(image).values()
    return np.linalg.norm(output - expected) / np.linalg.norm(expected)


joined = network(True)
found = [distance(joined, True), distance(joined, False)]
found.append(distance(network(False), True))
for name, value in zip(("Concat, in integers", "Concat, in float32", "no Concat, in integers"), found, strict=True):
    print(f"{name:24} {value:.2%}")
as_described = found[0] > 0.1 and max(found[1:]) < 1e-6
print("as described" if as_described else "the behaviour has changed")
sys.exit(not as_described)
PYTHON
