"""A small convolutional network as an FP32 artifact, made without any framework."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from converters.artifact import MODEL_FILE, Artifact, ArtifactStore
from foundation.vocabulary import METADATA_PREFIX
from zoo.own import card

RESOLUTION = 16


def small_network(*, batch: int = 1, gain: float = 1.0, constant: float = 1.0) -> onnx.ModelProto:
    """Convolutions plain, depthwise and pointwise, ReLU, SiLU, a residual addition, pooling, and a linear layer.

    Args:
        batch: images per inference.
        gain: factor on the first convolution's weights; the linear layer divides by it again.
        constant: a factor inside that the next constant undoes.
    """
    rng = np.random.default_rng(0)
    weights: list[onnx.TensorProto] = []

    def tensor(name: str, *shape: int, scale: float = 1.0) -> str:
        fan_in = np.prod(shape[1:]) if len(shape) > 1 else 4
        values = rng.standard_normal(shape) * np.sqrt(2 / fan_in) * scale
        weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def scalar(name: str, value: float) -> str:
        weights.append(numpy_helper.from_array(np.float32(value).reshape(()), name))
        return name

    def conv(name: str, x: str, inputs: int, outputs: int, kernel: int, groups: int = 1, scale: float = 1.0) -> None:
        names = [
            x,
            tensor(f"{name}_w", outputs, inputs // groups, kernel, kernel, scale=scale),
            tensor(f"{name}_b", outputs),
        ]
        pads, shape = [kernel // 2] * 4, [kernel, kernel]
        nodes.append(helper.make_node("Conv", names, [name], name, kernel_shape=shape, pads=pads, group=groups))

    nodes: list[onnx.NodeProto] = []
    conv("stem", "input", 3, 8, 3, scale=gain)
    nodes.append(helper.make_node("Relu", ["stem"], ["relu"], "relu"))
    nodes.append(helper.make_node("Mul", ["relu", scalar("down", 1 / gain)], ["normal"], "down"))
    conv("depthwise", "normal", 8, 8, 3, groups=8)
    nodes.append(helper.make_node("Sigmoid", ["depthwise"], ["gate"], "gate"))
    nodes.append(helper.make_node("Mul", ["depthwise", "gate"], ["silu"], "silu"))
    conv("pointwise", "silu", 8, 8, 1)
    nodes.append(helper.make_node("Add", ["normal", "pointwise"], ["sum"], "sum"))
    nodes.append(helper.make_node("Mul", ["sum", scalar("factor", constant)], ["scaled"], "scaled"))
    nodes.append(helper.make_node("Mul", ["scaled", scalar("inverse", 1 / constant)], ["restored"], "restored"))
    nodes.append(helper.make_node("GlobalAveragePool", ["restored"], ["pooled"], "pooled"))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"], "flat"))
    linear = ["flat", tensor("linear_w", 10, 8), tensor("linear_b", 10)]
    nodes.append(helper.make_node("Gemm", linear, ["logits"], "linear", transB=1))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, (batch, 3, RESOLUTION, RESOLUTION))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (batch, 10))],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def small_artifact(tmp_path: Path) -> Callable[..., Artifact]:
    """Stores the small network under `tmp_path`, as a conversion does."""

    def write(steps: Mapping[str, Any] = {}, source: str = "zoo", **changes: float) -> Artifact:
        store = ArtifactStore(tmp_path)
        model = small_network(**changes)
        facts = {
            "models": ["zoo/small"],
            "release": {"source": source},
            "resolution": RESOLUTION,
            "classes": 10,
            "batch": model.graph.input[0].type.tensor_type.shape.dim[0].dim_value,
            "precision": "fp32",
            "parameters": 1000,
            "macs": 100_000,
            "exporter": {"name": "dynamo", "torch": "2.14.1"},
            "opset": 17,
            "input": {"name": "input", "dtype": "float32"},
            "verification": [{"images": "probe", "relative_l2": 1e-6}],
        }
        stated = dataclasses.replace(card("small", RESOLUTION).preprocessing, **{"stated_in": "a test", **steps})
        preprocessing = dataclasses.asdict(stated)
        texts = {"provenance": facts, "preprocessing": preprocessing}
        helper.set_model_props(model, {METADATA_PREFIX + name: json.dumps(value) for name, value in texts.items()})
        staged = store.staging()
        onnx.save(model, staged / MODEL_FILE)
        return store.put(f"fp32{sorted(changes.items())}{steps}{source}", staged, facts)

    return write
