"""Small convolutional networks as ONNX files, in the forms that users have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

T = onnx.TensorProto
CLASSES = 10


def classifier_file(
    path: Path,
    shape: list[Any],
    *,
    opset: int = 17,
    channels_last: bool = False,
    weights_as_inputs: bool = False,
    external: bool = False,
) -> Path:
    """Two convolutions, a batch norm between them, and a matrix product, in float32: (N, 10) for images `shape`."""
    rng = np.random.default_rng(0)

    def drawn(*sizes: int) -> Any:
        return (rng.standard_normal(sizes) / np.sqrt(np.prod(sizes[1:]))).astype(np.float32)

    constants = {
        **{"kernel": drawn(8, 3, 3, 3), "second": drawn(8, 8, 3, 3), "matrix": drawn(CLASSES, 8)},
        **{name: np.abs(drawn(8)) + np.float32(0.5) for name in ("scale", "variance")},
        **{name: drawn(8) for name in ("shift", "mean")},
        "bias": np.zeros(CLASSES, np.float32),
    }
    first = "image"
    nodes = []
    if channels_last:
        nodes.append(helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]))
        first = "planes"
    nodes += [
        helper.make_node("Conv", [first, "kernel"], ["c1"], pads=[1] * 4),
        helper.make_node("BatchNormalization", ["c1", "scale", "shift", "mean", "variance"], ["n1"]),
        helper.make_node("Relu", ["n1"], ["r1"]),
        helper.make_node("Conv", ["r1", "second"], ["c2"], strides=[2, 2]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "matrix", "bias"], ["logits"], transB=1),
    ]
    inputs = [helper.make_tensor_value_info("image", T.FLOAT, shape)]
    if weights_as_inputs:
        inputs = [helper.make_tensor_value_info("kernel", T.FLOAT, [8, 3, 3, 3]), *inputs]
    graph = helper.make_graph(
        nodes,
        "network",
        inputs,
        [helper.make_tensor_value_info("logits", T.FLOAT, [shape[0], CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset > 11 else 6)
    onnx.checker.check_model(model)
    options = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0} if external else {}
    onnx.save(model, path, **options)
    return path


def two_inputs_file(path: Path) -> Path:
    """A convolution of grey images, times a second input; its output is no classifier's."""
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "kernel"], ["c"], pads=[1] * 4),
            helper.make_node("Relu", ["c"], ["r"]),
            helper.make_node("Conv", ["r", "second"], ["c2"]),
            helper.make_node("Mul", ["c2", "file"], ["map"]),
        ],
        "network",
        [
            helper.make_tensor_value_info("image", T.FLOAT, ["n", 1, 12, 16]),
            helper.make_tensor_value_info("file", T.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("map", T.FLOAT, ["n", 4, 10, 14])],
        [
            numpy_helper.from_array(np.random.default_rng(0).standard_normal(sizes).astype(np.float32), name)
            for name, sizes in (("kernel", (4, 1, 3, 3)), ("second", (4, 4, 3, 3)))
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
