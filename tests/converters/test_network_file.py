"""A user's FP32 file as it is prepared for other precisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from converters.artifact import ArtifactStore
from converters.errors import ConversionError
from converters.inputs import InputValues, ValueInputs
from converters.network_file import LOWEST_OPSET, prepare
from converters.precision import find
from converters.request import ConversionRequest, NetworkFile, key_of
from converters.verify import fed_outputs
from foundation.digests import file_sha256
from tests.fakes.networks import CLASSES, classifier_file
from zoo.own_preprocessing import assumed_preprocessing

RESOLUTION = 32


def request_of(path: Path, precision: str = "int8", **changes: Any) -> ConversionRequest:
    facts = {
        "file": NetworkFile(path, file_sha256(path), CLASSES),
        "opset": LOWEST_OPSET[precision],
        "resolution": RESOLUTION,
        "preprocessing": assumed_preprocessing(RESOLUTION),
        "precision": precision,
    }
    return ConversionRequest("onnx/net", **{**facts, **changes})


def opset_of(model: onnx.ModelProto) -> int:
    return next(entry.version for entry in model.opset_import if not entry.domain)


@pytest.mark.parametrize(("precision", "opset"), [("int8", 13), ("fp16", 11)])
def test_an_old_operator_set_is_raised_where_the_precision_needs_it(precision: str, opset: int, tmp_path: Path) -> None:
    path = classifier_file(tmp_path / "net.onnx", [1, 3, RESOLUTION, RESOLUTION], opset=11)
    artifact = prepare(request_of(path, precision), ArtifactStore(tmp_path / "cache"))
    assert opset_of(onnx.load(artifact.path)) == opset
    assert ("warnings" in artifact.provenance) == (precision == "int8")


def test_the_copy_computes_what_the_file_computes_and_is_found_again(tmp_path: Path) -> None:
    path = classifier_file(tmp_path / "net.onnx", [2, 3, RESOLUTION, RESOLUTION], weights_as_inputs=True)
    store, request = ArtifactStore(tmp_path / "cache"), request_of(path, batch=2)
    artifact = prepare(request, store)
    model = onnx.load(artifact.path)
    assert [value.name for value in model.graph.input] == ["image"]
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    feed = {"image": np.random.default_rng(1).standard_normal((2, 3, RESOLUTION, RESOLUTION)).astype(np.float32)}
    (expected,), (actual,) = fed_outputs(path, [feed]), fed_outputs(artifact.path, [feed])
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-5)
    found = find(request.in_fp32(), store)
    assert found is not None
    assert found.sha256 == artifact.sha256
    assert {check["images"] for check in artifact.provenance["verification"]} == {"noise", "natural"}


def test_the_key_follows_the_file_and_how_it_is_fed(tmp_path: Path) -> None:
    first, second = (
        classifier_file(tmp_path / f"{size}.onnx", [1, 3, size, size]) for size in (RESOLUTION, 2 * RESOLUTION)
    )
    requests = [
        request_of(first),
        request_of(second),
        request_of(first, "fp16"),
        request_of(first, preprocessing=assumed_preprocessing(RESOLUTION + 1)),
        request_of(first, preprocessing=None),
    ]
    assert len({key_of(one) for one in requests}) == len(requests)
    moved = first.rename(tmp_path / "elsewhere.onnx")
    assert key_of(request_of(moved)) == key_of(requests[0])


def test_what_onnx_cannot_raise_is_named(tmp_path: Path) -> None:
    """Scan had a batch until operator set 8."""
    path = tmp_path / "net.onnx"
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Scan", ["", "c"], ["y"], num_scan_inputs=1, body=_identity()),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, RESOLUTION, RESOLUTION])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 8)], ir_version=3), path)
    with pytest.raises(ConversionError, match="operator set 8, what is asked of it needs 13, and onnx cannot raise it"):
        prepare(request_of(path), ArtifactStore(tmp_path / "cache"))


def test_stated_shapes_that_do_not_follow_from_the_inputs_are_inferred_again(tmp_path: Path) -> None:
    """As in a copy whose batch was fixed, and as exporters write them."""
    path = classifier_file(tmp_path / "net.onnx", [1, 3, RESOLUTION, RESOLUTION])
    model = onnx.load(path)
    model.graph.value_info.append(helper.make_tensor_value_info("c1", onnx.TensorProto.FLOAT, [7, 8, 5, 5]))
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 7
    onnx.save(model, path)
    artifact = prepare(request_of(path), ArtifactStore(tmp_path / "cache"))
    (output,) = onnx.load(artifact.path).graph.output
    assert [size.dim_value for size in output.type.tensor_type.shape.dim] == [1, CLASSES]


def test_constants_that_only_a_branch_reads_stay(tmp_path: Path) -> None:
    path = classifier_file(tmp_path / "net.onnx", [1, 3, RESOLUTION, RESOLUTION])
    model = onnx.load(path)
    graph = model.graph
    branch = helper.make_graph(
        [helper.make_node("Add", ["logits", "offset"], ["inner"])],
        "branch",
        [],
        [helper.make_tensor_value_info("inner", onnx.TensorProto.FLOAT, [1, CLASSES])],
    )
    graph.node.append(helper.make_node("If", ["yes"], ["result"], then_branch=branch, else_branch=branch))
    for name, value in (("yes", np.bool_(True)), ("offset", np.ones((1, CLASSES), np.float32))):
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    graph.output[0].name = "result"
    onnx.save(model, path)
    artifact = prepare(request_of(path), ArtifactStore(tmp_path / "cache"))
    assert "offset" in {tensor.name for tensor in onnx.load(artifact.path).graph.initializer}


def test_values_of_scalars_are_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "values.npz", np.arange(3, dtype=np.int64))
    values = InputValues(tmp_path / "values.npz", ("rate",), "three numbers", drawn=False)
    feeds = list(ValueInputs(values, 1).calibration())
    assert [feed["rate"].tolist() for feed in feeds] == [0, 1, 2]
    assert all(isinstance(feed["rate"], np.ndarray) for feed in feeds)
    assert values.facts()["count"] == 3


def _identity() -> onnx.GraphProto:
    sizes = [RESOLUTION - 2, RESOLUTION - 2]
    return helper.make_graph(
        [helper.make_node("Identity", ["a"], ["b"])],
        "body",
        [helper.make_tensor_value_info("a", onnx.TensorProto.FLOAT, sizes)],
        [helper.make_tensor_value_info("b", onnx.TensorProto.FLOAT, sizes)],
    )
