from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from foundation.digests import file_sha256
from harness.artifacts.facts import facts_of_file
from harness.errors import ArtifactError
from harness.files import artifact_digest
from harness.files.artifact_digest import artifact_sha256, artifact_size_bytes, external_locations
from harness.processes.target import check_artifact


def external(name: str, location: str) -> TensorProto:
    """A tensor of four numbers in the file at `location`."""
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "16")):
        tensor.external_data.add(key=key, value=value)
    return tensor


def write(path: Path, *initializers: TensorProto, constant: TensorProto | None = None) -> Path:
    nodes = [helper.make_node("Add", ["input", initializers[0].name], ["logits"])]
    if constant is not None:
        nodes.append(helper.make_node("Constant", [], ["unused"], value=constant))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 4])],
        initializer=list(initializers),
    )
    path.write_bytes(helper.make_model(graph, producer_name="test").SerializeToString())
    return path


def test_a_file_with_its_weights_inside_is_its_own_digest(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", numpy_helper.from_array(np.ones(4, np.float32), "w"))
    assert artifact_sha256(path) == file_sha256(path)
    assert artifact_size_bytes(path) == path.stat().st_size


def test_other_weights_beside_the_same_graph_are_another_artifact(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", external("w", "net.onnx.data"))
    weights = tmp_path / "net.onnx.data"
    weights.write_bytes(bytes(16))
    before = facts_of_file(path, "onnxruntime", "fp32", 1)
    assert before.artifact_mib == pytest.approx((path.stat().st_size + 16) / 2**20)
    weights.write_bytes(b"\1" * 16)
    after = facts_of_file(path, "onnxruntime", "fp32", 1)
    assert before.artifact_sha256 != after.artifact_sha256
    assert before.key != after.key
    weights.unlink()
    assert artifact_sha256(path) not in (before.artifact_sha256, after.artifact_sha256)


def test_constants_hold_weights_too(tmp_path: Path) -> None:
    (tmp_path / "a.data").write_bytes(bytes(16))
    inside = numpy_helper.from_array(np.ones(4, np.float32), "w")
    path = write(tmp_path / "net.onnx", inside, constant=external("c", "a.data"))
    assert external_locations(path) == {"a.data": tmp_path.resolve() / "a.data"}


@pytest.mark.parametrize("location", ["../outside.data", "/dev/zero", "folder", "gone.data"])
def test_what_no_runtime_loads_is_not_read(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "net"
    (folder / "folder").mkdir(parents=True)
    (tmp_path / "outside.data").write_bytes(bytes(16))
    path = write(folder / "net.onnx", external("w", location))
    assert external_locations(path) == {location: None}
    expected = f"{file_sha256(path)}\n{location} missing"
    assert artifact_sha256(path) == hashlib.sha256(expected.encode()).hexdigest()


@pytest.mark.parametrize("content", [b"", b"hello", b"\x3a\xff\xff\xff\xff\x0f"])
def test_what_is_not_onnx_is_its_own_digest(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    assert artifact_sha256(path) == file_sha256(path)


def test_the_locations_are_those_that_onnx_itself_writes(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", numpy_helper.from_array(np.ones(4, np.float32), "w"))
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert list(external_locations(path)) == ["weights.bin"]


def test_the_planned_artifact_is_distinguished_from_one_that_changed(tmp_path: Path) -> None:
    path, weights = write(tmp_path / "net.onnx", external("w", "weights")), tmp_path / "weights"
    weights.write_bytes(bytes(16))
    planned = artifact_sha256(path)
    check_artifact(path, planned)
    weights.write_bytes(bytes(15) + b"1")
    with pytest.raises(ArtifactError, match=rf"not {planned[:16]} as planned: it has changed since"):
        check_artifact(path, planned)


def test_a_file_with_its_weights_inside_is_checked_by_its_bytes_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "net.onnx", numpy_helper.from_array(np.ones(4, np.float32), "w"))
    planned = artifact_sha256(path)
    monkeypatch.setattr(artifact_digest, "artifact_sha256", lambda _: pytest.fail("the graph was read"))
    check_artifact(path, planned)


def test_an_artifact_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"gone\.onnx cannot be read"):
        check_artifact(tmp_path / "gone.onnx", "0" * 64)
