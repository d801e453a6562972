#!/usr/bin/env bash
# ONNX Runtime 1.29 computes a float16 Gemm on x86-64 in float16, hundreds of times as slowly as in float32.
#
# The release before and those after insert casts and multiply in float32. Convolutions are computed in float32 by all of
# them. A network in float16 therefore gets a classifier that takes longer than the rest, and what its file calls one
# precision runs in two. Reported as microsoft/onnxruntime issue 32255.
#
# Versions: onnxruntime 1.28.0, 1.29.0, 1.30.0; onnx 1.19.1; numpy 2.4.6; CPython 3.11; Linux x86-64
# Seen on an AMD EPYC with AVX-512, one thread, 256 x 256: the Gemm of the float16 file took 1.0, 333 and 1.0 times as
# long as that of the float32 file.
set -euo pipefail

case $(uname -m) in
    x86_64 | amd64) ;;
    *) echo "this is about x86-64 processors; elsewhere other kernels run" >&2; exit 2 ;;
esac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat > "$folder/compare.py" <<'PYTHON'
"""Times a product of float32 and one of float16 matrices, and reads from a profile which types the kernels took."""

import json
import sys
import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SIZE = 256


def network(kind: int) -> bytes:
    """Float32 input and output; a 3x3 convolution and a Gemm in the given type."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    generator = np.random.default_rng(0)
    constants = {
        "kernel": generator.standard_normal((1, 1, 3, 3)).astype(dtype),
        "matrix": generator.standard_normal((SIZE, SIZE)).astype(dtype),
        "shape": np.array([SIZE, SIZE], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["input"], ["x"], to=kind),
        helper.make_node("Conv", ["x", "kernel"], ["convolved"], pads=[1, 1, 1, 1]),
        helper.make_node("Reshape", ["convolved", "shape"], ["rows"]),
        helper.make_node("Gemm", ["rows", "matrix"], ["product"]),
        helper.make_node("Cast", ["product"], ["output"], to=TensorProto.FLOAT),
    ]
    graph = helper.make_graph(
        nodes,
        "convolution and product",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 1, SIZE, SIZE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [SIZE, SIZE])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model.SerializeToString()


def kernels(kind: int) -> dict[str, tuple[str, float]]:
    """The first input's type and the shortest time in microseconds of the convolution and the Gemm that ran."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_profiling = True
    options.profile_file_prefix = sys.argv[1]
    session = onnxruntime.InferenceSession(network(kind), options, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(1).standard_normal((1, 1, SIZE, SIZE)).astype(np.float32)
    for _ in range(5):
        session.run(None, {"input": images})
    with open(session.end_profiling(), encoding="utf-8") as file:
        events = json.load(file)
    found: dict[str, tuple[str, float]] = {}
    for event in events:
        operator = event.get("args", {}).get("op_name")
        if operator in ("Conv", "Gemm") and event["name"].endswith("_kernel_time"):
            element = next(iter(event["args"]["input_type_shape"][0]))
            shortest = min(event["dur"], found.get(operator, (element, float("inf")))[1])
            found[operator] = (element, shortest)
    return found


single, half = kernels(TensorProto.FLOAT), kernels(TensorProto.FLOAT16)
ratio = half["Gemm"][1] / max(single["Gemm"][1], 1)
print(
    f"onnxruntime {onnxruntime.__version__}: of the float16 file the convolution ran in {half['Conv'][0]}, "
    f"the Gemm in {half['Gemm'][0]}, {ratio:.1f} times as long as in the float32 file"
)
slow = onnxruntime.__version__.startswith("1.29.")
assert half["Conv"][0] == "float", "the convolution no longer runs in float32"
assert half["Gemm"][0] == ("float16" if slow else "float"), "the Gemm runs in another type than seen"
assert (ratio > 20) == slow, "the ratio of the two Gemms is another than seen"
PYTHON

for version in 1.28.0 1.29.0 1.30.0; do
    "${PYTHON:-python3}" -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check \
        "onnxruntime==$version" onnx==1.19.1 numpy==2.4.6
    ORT_DISABLE_TELEMETRY=1 HOME=$folder "$folder/$version/bin/python" "$folder/compare.py" "$folder/profile-$version"
done
