from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from harness.files.onnx_copy import write_copy
from harness.files.onnx_graph import read_graph
from harness.files.protobuf import counted_field, integer_field

FLOAT = onnx.TensorProto.FLOAT


def network(shape: list[Any], ir_version: int = 8, **what: Any) -> onnx.ModelProto:
    weights = numpy_helper.from_array(np.random.default_rng(1).standard_normal((4, 3, 3, 3)).astype(np.float32), "w")
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"]), helper.make_node("Relu", ["y"], ["z"])]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info("z", FLOAT, ["batch", 4, "h", "w"])],
        [weights],
        value_info=[helper.make_tensor_value_info("y", FLOAT, ["batch", 4, None, None])],
        doc_string="ü" * 200,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=ir_version, **what)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("shape", [["batch", 3, "height", "width"], [None, 3, None, None], ["batch", None, 8, 8]])
def test_a_copy_has_the_fixed_shapes_and_computes_the_same(shape: list[Any], tmp_path: Path, folder: Path) -> None:
    path, copy = tmp_path / "net.onnx", folder / "net.onnx"
    onnx.save(network(shape), path)
    write_copy(path, copy, shapes={"x": (2, 3, 8, 8)}, symbols={"batch": 2})
    onnx.checker.check_model(onnx.load(copy), full_check=True)
    (found,) = read_graph(copy).inputs
    assert (found.shape, found.dtype) == ((2, 3, 8, 8), "float32")
    # The runtime knows the output's sizes, for which backends on a GPU reserve memory.
    fixed = onnxruntime.InferenceSession(copy)
    assert fixed.get_outputs()[0].shape == [2, 4, 6, 6]
    images = {"x": np.random.default_rng(2).standard_normal((2, 3, 8, 8)).astype(np.float32)}
    (expected,) = onnxruntime.InferenceSession(path).run(None, images)
    np.testing.assert_array_equal(fixed.run(None, images)[0], expected)


def test_named_sizes_are_fixed_wherever_they_are(tmp_path: Path, folder: Path) -> None:
    path, copy = tmp_path / "net.onnx", folder / "net.onnx"
    onnx.save(network(["batch", 3, "height", "width"]), path)
    write_copy(path, copy, shapes={"x": (5, 3, 8, 8)}, symbols={"batch": 5})
    model = onnx.load(copy)
    for value in (*model.graph.output, *model.graph.value_info):
        assert value.type.tensor_type.shape.dim[0].dim_value == 5
    assert [dim.dim_param for dim in model.graph.output[0].type.tensor_type.shape.dim] == ["", "", "h", "w"]


def test_everything_else_is_as_it_was(tmp_path: Path, folder: Path) -> None:
    path, copy = tmp_path / "net.onnx", folder / "net.onnx"
    model = network([1, 3, 8, 8], ir_version=11, producer_name="a", model_version=2**40)
    helper.set_model_props(model, {"maker": "ü"})
    onnx.save(model, path)
    write_copy(path, copy, shapes={}, symbols={}, ir_version=9)
    expected = onnx.load(path)
    expected.ir_version = 9
    assert onnx.load(copy) == expected


def test_weights_beside_the_file_are_beside_the_copy(tmp_path: Path, folder: Path) -> None:
    path, copy = tmp_path / "net.onnx", folder / "net.onnx"
    model = network(["batch", 3, 8, 8])
    onnx.save(model, path, save_as_external_data=True, location="net.onnx_data", size_threshold=0)
    for _ in range(2):
        write_copy(path, copy, shapes={"x": (1, 3, 8, 8)}, symbols={})
    assert (folder / "net.onnx_data").read_bytes() == (tmp_path / "net.onnx_data").read_bytes()
    onnxruntime.InferenceSession(copy).run(None, {"x": np.zeros((1, 3, 8, 8), np.float32)})


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**40, 2**63])
def test_numbers_are_written_as_protobuf_does(number: int) -> None:
    entry = onnx.OperatorSetIdProto(domain="d" * (number % 1000), version=number if number < 2**63 else 7)
    written = b"".join(counted_field(1, [entry.domain.encode()])) + integer_field(2, entry.version)
    assert onnx.OperatorSetIdProto.FromString(written) == entry


def test_values_between_become_outputs_after_the_networks_own(tmp_path: Path, folder: Path) -> None:
    path, copy = tmp_path / "net.onnx", folder / "net.onnx"
    onnx.save(network([1, 3, 8, 8]), path)
    write_copy(path, copy, outputs=["y"])
    session = onnxruntime.InferenceSession(copy)
    assert [value.name for value in session.get_outputs()] == ["z", "y"]
    last, between = session.run(None, {"x": np.ones((1, 3, 8, 8), np.float32)})
    np.testing.assert_array_equal(last, np.maximum(between, 0))
