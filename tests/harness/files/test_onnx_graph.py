from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from harness.errors import ArtifactError
from harness.files.onnx_graph import OnnxGraph, read_graph


def by_onnx(path: Path) -> tuple[int, int, list[tuple[str, str, str]]]:
    """The same facts as read by the onnx package."""
    model = onnx.load(path)
    opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    return model.ir_version, opset, [(node.op_type, node.name, node.domain) for node in model.graph.node]


def facts(graph: OnnxGraph) -> tuple[int, int, list[tuple[str, str, str]]]:
    return graph.ir_version, graph.opset, [(node.operator, node.name, node.domain) for node in graph.nodes]


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_the_file_is_read_as_the_onnx_package_reads_it(write_model: Any, precision: str) -> None:
    path = write_model(precision=precision, opset=16, ir_version=7)
    assert facts(read_graph(path)) == by_onnx(path)


def test_what_the_file_says_of_itself(write_model: Any) -> None:
    path = write_model()
    assert read_graph(path).metadata == {}
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"maker": "ü", "empty": ""})
    onnx.save(model, path)
    assert read_graph(path).metadata == {"maker": "ü", "empty": ""}


def test_other_domains_do_not_pass_for_the_standard_one(write_model: Any) -> None:
    path = write_model()
    model = onnx.load(path)
    model.opset_import.extend([onnx.helper.make_opsetid("com.microsoft", 99)])
    model.graph.node[0].domain = "com.microsoft"
    onnx.save(model, path)
    graph = read_graph(path)
    assert graph.opset == 17
    assert facts(graph) == by_onnx(path)


@pytest.mark.parametrize(
    ("shape", "read"),
    [([4, 3, 16, 16], (4, 3, 16, 16)), (["batch", 3, None, 16], ("batch", 3, "", 16)), ([], ()), (None, None)],
)
def test_inputs_and_outputs_have_their_shapes(
    shape: list[Any] | None, read: tuple[int | str, ...] | None, tmp_path: Path
) -> None:
    def values(*shapes: tuple[str, list[Any] | None]) -> list[onnx.ValueInfoProto]:
        return [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, size) for name, size in shapes]

    nodes = [onnx.helper.make_node("Relu", [name], [f"{name}_out"]) for name in ("images", "other")]
    path = tmp_path / "net.onnx"
    for own, others in ((shape, [7]), ([7], shape)):
        inputs = values(("images", own), ("other", [5]))
        outputs = values(("images_out", others), ("other_out", [5]))
        onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", inputs, outputs)), path)
        graph = read_graph(path)
        assert [value.shape for value in graph.inputs] == [read if own is shape else (7,), (5,)]
        assert [value.shape for value in graph.outputs] == [(7,) if own is shape else read, (5,)]
        assert [value.name for value in (*graph.inputs, *graph.outputs)] == [
            "images",
            "other",
            "images_out",
            "other_out",
        ]


def test_a_graph_without_inputs_and_outputs_has_none(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    nodes = [onnx.helper.make_node("Relu", ["x"], ["y"])]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [], [])), path)
    graph = read_graph(path)
    assert (graph.inputs, graph.outputs) == ((), ())


@pytest.mark.parametrize("kind", [one for one in onnx.TensorProto.DataType.values() if one])
def test_the_types_are_those_of_numpy_where_it_has_them(kind: int, tmp_path: Path) -> None:
    value = onnx.helper.make_tensor_value_info("x", kind, [1])
    path = tmp_path / "net.onnx"
    nodes = [onnx.helper.make_node("Identity", ["x"], ["y"])]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [value], [])), path)
    (found,) = read_graph(path).inputs
    name = onnx.TensorProto.DataType.Name(kind).lower()
    expected = {"float": "float32", "double": "float64"}.get(name, name)
    assert found.dtype == (expected if kind <= onnx.TensorProto.BFLOAT16 else f"type {kind}")


def test_sequences_and_maps_are_no_tensors(tmp_path: Path) -> None:
    sequence = onnx.helper.make_tensor_sequence_value_info("x", onnx.TensorProto.FLOAT, [1, 3])
    path = tmp_path / "net.onnx"
    nodes = [onnx.helper.make_node("Identity", ["x"], ["y"])]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [sequence], [])), path)
    (found,) = read_graph(path).inputs
    assert (found.dtype, found.shape) == ("", None)


def test_weights_that_are_listed_among_the_inputs_are_none(tmp_path: Path) -> None:
    weights = onnx.numpy_helper.from_array(np.ones((2, 3), np.float32), "dense")
    indices = onnx.numpy_helper.from_array(np.array([0], np.int64), "sparse_indices")
    sparse = onnx.helper.make_sparse_tensor(
        onnx.numpy_helper.from_array(np.ones(1, np.float32), "sparse"), indices, [4]
    )
    inputs = [onnx.helper.make_tensor_value_info(name, 1, [4]) for name in ("dense", "sparse", "images")]
    nodes = [onnx.helper.make_node("Relu", ["images"], ["y"])]
    graph = onnx.helper.make_graph(nodes, "g", inputs, [], [weights], sparse_initializer=[sparse])
    path = tmp_path / "net.onnx"
    onnx.save(onnx.helper.make_model(graph), path)
    assert [value.name for value in read_graph(path).inputs] == ["images"]


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_that_is_not_positive_is_free(size: int, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    nodes = [onnx.helper.make_node("Relu", ["x"], ["y"])]
    inputs = [onnx.helper.make_tensor_value_info("x", 1, [size, 3])]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", inputs, [])), path)
    (found,) = read_graph(path).inputs
    assert (found.shape, found.is_fixed, found.shape_text()) == (("", 3), False, "[?, 3]")


def test_operators_are_gathered(write_model: Any) -> None:
    operators = read_graph(write_model(extra=("Relu", "Celu", "Relu"))).operators()
    assert [node.name for node in operators["Relu"]] == ["extra_0", "extra_2"]
    assert list(operators)[:3] == ["Conv", "Relu", "Celu"]


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.3, 0.7])
def test_a_truncated_file_is_called_so(write_model: Any, kept: float) -> None:
    path = write_model()
    model = onnx.load(path)
    model.producer_name = "an exporter"  # Real files have one; it comes before the graph.
    content = model.SerializeToString()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ArtifactError, match="may be truncated"):
        read_graph(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"gone\.onnx cannot be read"):
        read_graph(tmp_path / "gone.onnx")
