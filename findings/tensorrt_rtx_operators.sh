#!/usr/bin/env bash
# TensorRT for RTX says that it supports ONNX operators of which its package builds no engine: NonMaxSuppression, which is
# parsed too, NonZero, and RoiAlign, which its release notes announce for 1.5. Detectors with these operators are refused
# late, after `supports_operator` was asked.
#
# Versions: tensorrt-rtx-cu13 1.7.1.116; onnx 1.23.2; numpy 2.4.6; CPython 3.11; Linux x86-64, no GPU and no driver needed.
# Seen with constant inputs where the operators allow it, after init_libnvinfer_plugins:
#   NonMaxSuppression: supports_operator True, parsed, not built: "has no runners that implement it"
#   NonZero:           supports_operator True, refused: "NonZero plugin creator version 1 was not found"
#   RoiAlign:          supports_operator True, refused: "ROIAlign plugin was not found in the plugin registry",
#                      although the registry lists ROIAlign_TRT.
#
# Exits with 0 if this is so, and with 1 if the behaviour changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    tensorrt-rtx-cu13==1.7.1.116 onnx==1.23.2 numpy==2.4.6

cat >"$folder/observe.py" <<'PYTHON'
"""Asks the parser about operators, and parses and builds networks of one node each."""

import numpy as np
import onnx
import tensorrt_rtx as trt
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


class Logger(trt.ILogger):
    def __init__(self):
        trt.ILogger.__init__(self)
        self.errors = []

    def log(self, severity, message):
        if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
            self.errors.append(message)


logger = Logger()
trt.init_libnvinfer_plugins(logger, "")
builder = trt.Builder(logger)


def network(operator, inputs, constants, output, **attributes):
    node = helper.make_node(operator, [*inputs, *constants], ["y"], **attributes)
    graph = helper.make_graph(
        [node],
        operator,
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("y", *output)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def observe(operator, *parts, **attributes):
    """What the parser says of the operator, whether it parses the network, and why there is no engine."""
    definition = builder.create_network(0)
    parser = trt.OnnxParser(definition, logger)
    supported = parser.supports_operator(operator)
    parsed = parser.parse(network(operator, *parts, **attributes).SerializeToString())
    if not parsed:
        return supported, parsed, parser.get_error(0).desc()
    logger.errors.clear()
    engine = builder.build_serialized_network(definition, builder.create_builder_config())
    return supported, parsed, "it builds" if engine is not None else logger.errors[-1]


limits = {"most": np.array([3]), "overlap": np.array([0.5], np.float32), "score": np.array([0.1], np.float32)}
regions = {"regions": np.array([[0, 0, 4, 4], [1, 1, 6, 6]], np.float32), "images": np.array([0, 0])}
seen = {
    "NonMaxSuppression": observe(
        "NonMaxSuppression", {"boxes": [1, 8, 4], "scores": [1, 1, 8]}, limits, (INT64, ["found", 3])
    ),
    "NonZero": observe("NonZero", {"x": [4, 4]}, {}, (INT64, [2, "found"])),
    "RoiAlign": observe(
        "RoiAlign", {"x": [1, 2, 8, 8]}, regions, (FLOAT, [2, 2, 2, 2]), output_height=2, output_width=2
    ),
}
for operator, (supported, parsed, reason) in seen.items():
    print(f"{operator}: supported {supported}, parsed {parsed}, {reason}")
names = [one.name for one in trt.get_plugin_registry().all_creators]
print("plug-ins:", *names)
EXPECTED = {
    "NonMaxSuppression": (True, "has no runners that implement it"),
    "NonZero": (False, "NonZero plugin creator version 1 was not found"),
    "RoiAlign": (False, "ROIAlign plugin was not found in the plugin registry"),
}
for operator, (parsed, reason) in EXPECTED.items():
    assert seen[operator][:2] == (True, parsed) and reason in seen[operator][2], f"{operator} behaves otherwise"
assert "ROIAlign_TRT" in names, "the registry is another"
PYTHON
"$folder/venv/bin/python" "$folder/observe.py"
