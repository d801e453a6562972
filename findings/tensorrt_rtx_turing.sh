#!/usr/bin/env bash
# TensorRT for RTX builds no engine for Turing cards (compute capability 7.5) of a network with a matrix product in float32,
# the last layer of nearly every classifier; convolutions in float32 and products in float16 it builds. The support matrix of
# 1.5 has a footnote at float32 on Turing, and an engine for several capabilities fails if 7.5 is one of them.
#
# Versions: tensorrt-rtx-cu13 1.7.1.116; onnx 1.23.2; numpy 2.4.6; CPython 3.11; Linux x86-64, no GPU and no driver needed.
# Seen:
#   Gemm float32 for SM75, and for SM75 with SM86: no engine, "Cannot compile operation 'product' for Turing (SM75): FP32 GEMM
#     is not supported."
#   Gemm float32 for SM80, SM86 and SM120, Gemm float16 for SM75, a 1x1 convolution float32 for SM75: an engine.
#
# Exits with 0 if this is so, and with 1 if the behaviour changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    tensorrt-rtx-cu13==1.7.1.116 onnx==1.23.2 numpy==2.4.6

cat >"$folder/build.py" <<'PYTHON'
"""Builds a product and a 1x1 convolution of the same size for some compute capabilities."""

import sys

import numpy as np
import onnx
import tensorrt_rtx as trt
from onnx import helper, numpy_helper


class Logger(trt.ILogger):
    def __init__(self):
        trt.ILogger.__init__(self)
        self.errors = ""

    def log(self, severity, text):
        if severity == trt.ILogger.Severity.ERROR:
            self.errors += text


def model(operator, dtype):
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    shape, result = ([1, 64], [1, 32]) if operator == "Gemm" else ([1, 64, 1, 1], [1, 32, 1, 1])
    weights = np.random.default_rng(0).standard_normal((32, 64)).astype(dtype).reshape([32, *shape[1:]])
    attributes = {"transB": 1} if operator == "Gemm" else {}
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", "weights"], ["y"], name="product", **attributes)],
        "product",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, result)],
        [numpy_helper.from_array(weights, "weights")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString()


def build(operator, dtype, *capabilities):
    """The errors of a build, empty if there is an engine."""
    logger.errors = ""
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    assert parser.parse(model(operator, dtype)), parser.get_error(0).desc()
    config = builder.create_builder_config()
    config.num_compute_capabilities = len(capabilities)
    for index, name in enumerate(capabilities):
        assert config.set_compute_capability(getattr(trt.ComputeCapability, name), index)
    engine = builder.build_serialized_network(network, config)
    print(operator, dtype, "+".join(capabilities), "no engine: " + logger.errors if engine is None else "an engine")
    return logger.errors if engine is None else ""


logger = Logger()
builder = trt.Builder(logger)
lacking = "for Turing (SM75): FP32 GEMM is not supported"
as_seen = [
    lacking in build("Gemm", "float32", "SM75"),
    lacking in build("Gemm", "float32", "SM75", "SM86"),
    *(build("Gemm", "float32", name) == "" for name in ("SM80", "SM86", "SM120")),
    build("Gemm", "float16", "SM75") == "",
    build("Conv", "float32", "SM75") == "",
]
sys.exit(0 if all(as_seen) else 1)
PYTHON
"$folder/venv/bin/python" "$folder/build.py"
