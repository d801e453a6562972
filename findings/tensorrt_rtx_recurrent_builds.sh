#!/usr/bin/env bash
# TensorRT for RTX builds another engine of a GRU each time, of another size too, and one of two engines of an LSTM or RNN
# that returns both its sequence and its last state. Neither the same process nor the same name of the network makes the
# builds equal: neither a digest nor a size tells that two engines are of one file.
#
# Versions: tensorrt-rtx-cu13 1.7.1.116; onnx 1.23.2; numpy 2.4.6; CPython 3.11; Linux x86-64, no GPU and no driver needed.
# Seen with 12 builds each of one node, 8 steps, network.name set:
#   GRU: 8 to 12 different engines, of 1.3 to 1.7 MB.
#   LSTM and RNN with the outputs Y and Y_h: 2 engines of one size; with the output Y_h alone: 1 engine.
#
# Exits with 0 if the GRU gives several sizes, and the others several engines or one as here, otherwise with 1.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    tensorrt-rtx-cu13==1.7.1.116 onnx==1.23.2 numpy==2.4.6

cat >"$folder/observe.py" <<'PYTHON'
"""Builds recurrent layers several times, and counts the engines that differ, and their sizes."""

import numpy as np
import onnx
import tensorrt_rtx as trt
from onnx import TensorProto, helper, numpy_helper

BUILDS, STEPS, BATCH, FEATURES, HIDDEN = 12, 8, 2, 2, 5
logger = trt.Logger(trt.Logger.ERROR)
builder = trt.Builder(logger)


def network(operator, gates, with_sequence):
    generator = np.random.default_rng(0)
    sizes = {"w": (1, gates * HIDDEN, FEATURES), "r": (1, gates * HIDDEN, HIDDEN), "b": (1, 2 * gates * HIDDEN)}
    constants = {name: generator.standard_normal(size).astype(np.float32) for name, size in sizes.items()}
    outputs = {"sequence": [STEPS, 1, BATCH, HIDDEN], "state": [1, BATCH, HIDDEN]}
    if not with_sequence:
        del outputs["sequence"]
    names = ["sequence" if with_sequence else "", "state"]
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", *constants], names, hidden_size=HIDDEN)],
        operator,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [STEPS, BATCH, FEATURES])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def build(model):
    definition = builder.create_network(0)
    definition.name = "recurrent"
    parser = trt.OnnxParser(definition, logger)
    assert parser.parse(model), parser.get_error(0).desc()
    return bytes(builder.build_serialized_network(definition, builder.create_builder_config()))


for operator, gates in (("LSTM", 4), ("RNN", 1), ("GRU", 3)):
    for with_sequence in (True, False):
        model = network(operator, gates, with_sequence)
        engines = {build(model) for _ in range(BUILDS)}
        sizes = sorted({len(engine) for engine in engines})
        returned = "Y and Y_h" if with_sequence else "Y_h"
        print(f"{operator} with {returned}: {len(engines)} different of {BUILDS} engines, sizes in bytes {sizes}")
        if operator == "GRU":
            assert len(sizes) > 1, "the engines have one size"
        else:
            assert (len(engines) > 1) == with_sequence, "there are more or fewer engines than seen"
            assert len(sizes) == 1, "the engines have several sizes"
PYTHON
"$folder/venv/bin/python" "$folder/observe.py"
