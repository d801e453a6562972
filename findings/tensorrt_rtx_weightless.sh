#!/usr/bin/env bash
# TensorRT for RTX builds engines without a GPU, but not the ones whose weights can be replaced or are left out. Its page on
# building without a GPU describes them, with the flags STRIP_PLAN and REFIT; without a driver they fail as soon as the
# network has a weight, with "CHECK(status == CUDA_SUCCESS) failed" and no word on the flag.
#
# Versions: tensorrt-rtx-cu13 1.7.1.116; onnx 1.23.2; numpy 2.4.6; CPython 3.11; Linux x86-64 without an NVIDIA driver.
# Seen with a product with a matrix of 256 x 256 values, for compute capability 8.6:
#   no flag: builds. REFIT, REFIT_IDENTICAL, STRIP_PLAN, and STRIP_PLAN with REFIT: build_serialized_network returns None.
#   REFIT_INDIVIDUAL builds. STRIP_PLAN with REFIT_INDIVIDUAL builds too, but leaves nothing out: the same size, above the
#   weights' 262,144 bytes.
#   A network of one Relu, without weights, builds with each of them.
#
# Exits with 0 if this is so, with 1 if the behaviour changed, and with 2 where a driver is installed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    tensorrt-rtx-cu13==1.7.1.116 onnx==1.23.2 numpy==2.4.6

cat >"$folder/observe.py" <<'PYTHON'
"""Builds two networks, with and without weights, with the flags for refitting and stripping."""

import ctypes
import sys

import numpy as np
import onnx
import tensorrt_rtx as trt
from onnx import TensorProto, helper, numpy_helper

try:
    ctypes.CDLL("libcuda.so.1")
except OSError:
    pass
else:
    print("this is about machines without an NVIDIA driver")
    sys.exit(2)


class Logger(trt.ILogger):
    def __init__(self):
        trt.ILogger.__init__(self)
        self.errors = []

    def log(self, severity, message):
        if severity == trt.ILogger.Severity.ERROR:
            self.errors.append(message)


logger = Logger()
builder = trt.Builder(logger)


def network(operator, constants):
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", *constants], ["y"])],
        operator,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 256])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 256])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def size(model, flags):
    """The engine's size in bytes, or None; then the log has to name the status."""
    definition = builder.create_network(0)
    parser = trt.OnnxParser(definition, logger)
    assert parser.parse(model), parser.get_error(0).desc()
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(trt.ComputeCapability.SM86, 0)
    for flag in flags:
        config.set_flag(trt.BuilderFlag.__members__[flag])
    logger.errors.clear()
    engine = builder.build_serialized_network(definition, config)
    assert engine is not None or "CHECK(status == CUDA_SUCCESS) failed" in logger.errors[0], logger.errors
    return None if engine is None else engine.nbytes


matrix = np.random.default_rng(0).standard_normal((256, 256)).astype(np.float32)
product, activation = network("MatMul", {"matrix": matrix}), network("Relu", {})
FAILING = (("REFIT",), ("REFIT_IDENTICAL",), ("STRIP_PLAN",), ("STRIP_PLAN", "REFIT"))
BUILDING = ((), ("REFIT_INDIVIDUAL",), ("STRIP_PLAN", "REFIT_INDIVIDUAL"))
sizes = {flags: (size(product, flags), size(activation, flags)) for flags in FAILING + BUILDING}
for flags, (with_weights, without) in sizes.items():
    print(f"{' and '.join(flags) or 'no flag'}: engine of MatMul {with_weights}, of Relu {without} bytes")
assert all(sizes[flags][0] is None for flags in FAILING), "an engine is built that was not"
assert all(sizes[flags][0] is not None for flags in BUILDING), "an engine is not built that was"
assert all(without is not None for _, without in sizes.values()), "the network without weights is not built"
individual, stripped = sizes["REFIT_INDIVIDUAL",][0], sizes["STRIP_PLAN", "REFIT_INDIVIDUAL"][0]
assert stripped == individual > matrix.nbytes, "the weights are left out"
PYTHON
"$folder/venv/bin/python" "$folder/observe.py"
