#!/usr/bin/env bash
# TensorRT for RTX reads attributes of four ONNX operators otherwise than ONNX defines them, without a warning: two
# defaults are others, one attribute has no effect, and one rule of pooling is missing.
#
# Versions: tensorrt-rtx-cu13 1.7.1.116; onnx 1.23.2; numpy 2.4.6; CPython 3.11; Linux x86-64, no GPU and no driver needed.
# Seen, by comparing engines of networks with one node, byte for byte:
#   Trilu without `upper`, which means upper=1, gives the engine of upper=0: the lower triangle instead of the upper one.
#   Selu without attributes gives the engine of alpha=1.6732 and gamma=1.0507, not of ONNX's 1.67326... and 1.05070...
#   LSTM, GRU and RNN with layout=1, where the batch is the first axis, give the engine of layout=0: the sequence is.
#   MaxPool with ceil_mode=1 keeps a last window that begins in the padding at the end, which ONNX drops: 4 instead of 3.
#
# Exits with 0 if this is so, and with 1 if the behaviour changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    tensorrt-rtx-cu13==1.7.1.116 onnx==1.23.2 numpy==2.4.6

cat >"$folder/observe.py" <<'PYTHON'
"""Parses and builds networks with one node, and compares them with what ONNX's reference computes."""

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
        if severity not in (trt.ILogger.Severity.VERBOSE, trt.ILogger.Severity.INFO):
            self.warnings.append(message)


logger = Logger()
builder = trt.Builder(logger)
generator = np.random.default_rng(0)


def network(operator, image, constants=(), **attributes):
    names = [f"constant{index}" for index in range(len(constants))]
    node = helper.make_node(operator, ["x", *names], ["y"], **attributes)
    sides = [f"side{index}" for index in range(4 if operator in ("LSTM", "GRU", "RNN") else image.ndim)]
    graph = helper.make_graph(
        [node],
        "one node",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, image.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, sides)],
        [numpy_helper.from_array(value, name) for value, name in zip(constants, names, strict=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model


def observe(operator, image, constants=(), **attributes):
    """The engine, its output's shape, and the output of ONNX's reference."""
    model = network(operator, image, constants, **attributes)
    logger.warnings.clear()
    definition = builder.create_network(0)
    definition.name = "one node"
    parser = trt.OnnxParser(definition, logger)
    assert parser.parse(model.SerializeToString()), f"{operator} is refused: {parser.get_error(0).desc()}"
    engine = bytes(builder.build_serialized_network(definition, builder.create_builder_config()))
    assert not logger.warnings, f"there are warnings about {operator}: {logger.warnings}"
    return engine, tuple(definition.get_output(0).shape), ReferenceEvaluator(model).run(None, {"x": image})[0]


def same_engine_other_meaning(one, other):
    meaning = one[2].shape == other[2].shape and np.allclose(one[2], other[2], rtol=1e-6, atol=0)
    return one[0] == other[0] and not meaning


square = generator.standard_normal((4, 4)).astype(np.float32)
default, lower, upper = (observe("Trilu", square, **given) for given in ({}, {"upper": 0}, {"upper": 1}))
assert (default[2] == upper[2]).all(), "the reference's default is another"
trilu = same_engine_other_meaning(default, lower) and default[0] != upper[0]
print(f"Trilu without upper is built as upper=0: {trilu}")

ROUNDED = {"alpha": 1.6732, "gamma": 1.0507}
EXACT = {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}
default, rounded, exact = (observe("Selu", square, **given) for given in ({}, ROUNDED, EXACT))
assert (default[2] == exact[2]).all(), "the reference's default is another"
error = float(np.abs(rounded[2] / exact[2] - 1).max())
selu = same_engine_other_meaning(default, rounded) and default[0] != exact[0]
print(f"Selu without attributes is built as {ROUNDED}: {selu}, a relative error of up to {error:.1e}")

layout = True
for operator, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
    sequence = generator.standard_normal((5, 3, 2)).astype(np.float32)
    sizes = ((1, gates * 4, 2), (1, gates * 4, 4), (1, gates * 8))
    weights = [generator.standard_normal(size).astype(np.float32) for size in sizes]
    first, second = (observe(operator, sequence, weights, hidden_size=4, layout=given) for given in (0, 1))
    ignored = same_engine_other_meaning(first, second)
    layout = layout and ignored
    print(f"{operator} with layout=1 is built as layout=0: {ignored}; output {second[1]}, by ONNX {second[2].shape}")

image = generator.standard_normal((1, 1, 5, 5)).astype(np.float32)
_, shape, output = observe("MaxPool", image, kernel_shape=[2, 2], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1)
print(f"MaxPool with ceil_mode=1: output {shape}, by ONNX {output.shape}")
pooling = shape == (1, 1, 4, 4) and output.shape == (1, 1, 3, 3)

assert trilu and selu and layout and pooling, "the behaviour has changed"
PYTHON
"$folder/venv/bin/python" "$folder/observe.py"
