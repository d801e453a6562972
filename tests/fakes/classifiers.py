"""Tiny classifiers of tiny pictures, which the real runtime runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from foundation.digests import file_sha256
from harness.records.series import Series

RESOLUTION = 16
CLASSES = 7


def picture(seed: int, width: int = 23, height: int = 19) -> NDArray[np.uint8]:
    """Coloured noise, (height, width, 3)."""
    generator = np.random.default_rng(seed)
    colour = generator.integers(40, 216, 3)
    return np.clip(colour + generator.normal(0, 30, (height, width, 3)), 0, 255).astype(np.uint8)


def classifier(classes: int, batch: int, resolution: int, seed: int, scale: float) -> onnx.ModelProto:
    """A convolution, a pool over the image and a matrix product: `input` to `logits`."""
    generator = np.random.default_rng(seed)
    constants = {
        "kernel": generator.standard_normal((8, 3, 3, 3)),
        "weight": scale * generator.standard_normal((8, classes)),
    }
    nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["convolved"], pads=[1] * 4),
        helper.make_node("Relu", ["convolved"], ["activated"]),
        helper.make_node("GlobalAveragePool", ["activated"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("MatMul", ["features", "weight"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, resolution, resolution])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, classes])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def series_of(path: Path, **facts: Any) -> Series:
    """The series of a classifier's file."""
    shape = [dim.dim_value for dim in onnx.load(path).graph.input[0].type.tensor_type.shape.dim]
    series = Series(
        model=f"onnx/{path.stem}",
        source="onnx",
        variant=path.stem,
        backend="onnxruntime",
        precision="fp32",
        weights="own",
        artifact_path=str(path),
        artifact_sha256=file_sha256(path),
        batch=shape[0],
        resolution=shape[2],
    )
    return dataclasses.replace(series, **facts)
