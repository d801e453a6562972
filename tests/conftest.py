"""What tests of several packages share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper


@pytest.fixture
def tiny_onnx(tmp_path: Path) -> Callable[..., Path]:
    """Writes a network of one ReLU with the given input shape."""

    def write(shape: tuple[Any, ...] = (1, 3, 8, 8), name: str = "tiny.onnx", inputs: int = 1) -> Path:
        values = [helper.make_tensor_value_info(f"input{i}", TensorProto.FLOAT, shape) for i in range(inputs)]
        nodes = [helper.make_node("Relu", ["input0"], ["logits"])]
        if inputs > 1:
            nodes = [helper.make_node("Add", ["input0", "input1"], ["logits"])]
        output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)
        graph = helper.make_graph(nodes, "tiny", values, [output])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        path = tmp_path / name
        onnx.save(model, path)
        return path

    return write
