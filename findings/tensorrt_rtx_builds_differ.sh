#!/usr/bin/env bash
# TensorRT for RTX writes the number of networks that a process made before into the engine. Two builds of one file in one
# process therefore differ, and so do a build in a program that made another network first and one in a fresh program. A
# digest of the engine does not tell that they are the same network; one that is given a name is built to equal bytes.
#
# Versions: tensorrt-rtx-cu13 1.7.1.116; onnx 1.23.2; numpy 2.4.6; CPython 3.11; Linux x86-64, no GPU and no driver needed.
# Seen with a convolution, three builds in each of two processes:
#   As it comes, the three engines of a process differ in one byte, the digit of "Unnamed Network 0", "1" and "2"; the
#     first ones of the two processes are equal.
#   With network.name set to one text, all six are equal.
#
# Exits with 0 if this is so, and with 1 if the behaviour changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    tensorrt-rtx-cu13==1.7.1.116 onnx==1.23.2 numpy==2.4.6

cat >"$folder/build.py" <<'PYTHON'
"""Builds one network three times, with the name in the first argument where it is not empty, and writes the engines."""

import pickle
import sys

import numpy as np
import onnx
import tensorrt_rtx as trt
from onnx import TensorProto, helper, numpy_helper

kernel = np.random.default_rng(0).standard_normal((8, 3, 3, 3)).astype(np.float32)
graph = helper.make_graph(
    [helper.make_node("Conv", ["x", "kernel"], ["y"])],
    "convolution",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 6, 6])],
    [numpy_helper.from_array(kernel, "kernel")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
onnx.checker.check_model(model, full_check=True)

logger = trt.Logger(trt.Logger.ERROR)
builder = trt.Builder(logger)
engines = []
for _ in range(3):
    network = builder.create_network(0)
    if sys.argv[1]:
        network.name = sys.argv[1]
    parser = trt.OnnxParser(network, logger)
    assert parser.parse(model.SerializeToString()), parser.get_error(0).desc()
    engines.append(bytes(builder.build_serialized_network(network, builder.create_builder_config())))
with open(sys.argv[2], "wb") as file:
    pickle.dump(engines, file)
PYTHON

cat >"$folder/compare.py" <<'PYTHON'
"""Prints in which bytes the engines differ, and what stands there."""

import pickle
import sys

unnamed, unnamed_again, named, named_again = (pickle.load(open(path, "rb")) for path in sys.argv[1:])
first, *others = unnamed
for other in others:
    assert len(other) == len(first), "the engines' sizes differ"
    places = [index for index, (one, two) in enumerate(zip(first, other, strict=True)) if one != two]
    texts = [engine[places[0] - 16 : places[0] + 1] for engine in (first, other)]
    print(f"without a name: {len(places)} of {len(first)} bytes differ: {texts[0]} and {texts[1]}")
    assert len(places) == 1 and all(text.startswith(b"Unnamed Network ") for text in texts), "other bytes differ"
print(f"two processes: {'equal' if unnamed == unnamed_again else 'different'}")
print(f"with a name: {len(set(named + named_again))} engine of {len(named + named_again)} builds")
assert unnamed == unnamed_again, "the processes differ"
assert len(set(named + named_again)) == 1, "the named engines differ"
PYTHON

for name in "" name; do
    for process in 1 2; do
        "$folder/venv/bin/python" "$folder/build.py" "$name" "$folder/engines-$name-$process"
    done
done
"$folder/venv/bin/python" "$folder/compare.py" "$folder"/engines--{1,2} "$folder"/engines-name-{1,2}
