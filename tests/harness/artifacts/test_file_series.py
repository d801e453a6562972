from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from harness.artifacts.file_series import FileSettings, check_shapes, series_of_file
from harness.artifacts.input_shapes import AskedShapes
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.backends.onnxruntime.file_versions import readable_ir_version
from harness.errors import ArtifactError, HarnessError
from harness.files.onnx_graph import read_graph
from harness.records.series import Series

WriteNetwork = Callable[..., Path]
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.fixture
def series(tmp_path: Path) -> Callable[..., Series]:
    def make(path: Path, inputs: str = "", **asked: Any) -> Series:
        settings = FileSettings(OnnxRuntimeBackend(), "fp32", AskedShapes(**asked), inputs, tmp_path / "cache")
        return series_of_file("mine", path, settings)

    return make


def test_a_file_of_fixed_shapes_is_measured_itself(series: Callable[..., Series], write_network: WriteNetwork) -> None:
    path = write_network()
    found = series(path, inputs="0:1")
    assert (found.model, found.variant, found.artifact_path) == ("onnx/mine", "mine", str(path))
    assert (found.status, found.warnings, found.inputs, found.resolution) == ("ok", "", "0:1", 8)
    assert found.target(1, None, path).inputs == "0:1"  # type: ignore[arg-type]


def test_a_file_with_free_sizes_is_measured_as_a_copy(
    series: Callable[..., Series], write_network: WriteNetwork, tmp_path: Path
) -> None:
    path = write_network(shape=["batch", 3, "height", "width"])
    before = path.read_bytes()
    found = series(path, batch=2, resolution=64)
    assert (found.batch, found.resolution) == (2, 64)
    assert found.warnings == "Input 'input' [batch, 3, height, width] is fixed at 2x3x64x64."
    assert Path(found.artifact_path).is_relative_to(tmp_path / "cache")
    assert path.read_bytes() == before
    # The same again is the same artifact; another size is another.
    assert series(path, batch=2, resolution=64) == found
    others = [series(path, resolution=64), series(path, batch=2, resolution=32)]
    assert len({one.artifact_sha256 for one in (found, *others)}) == 3
    with OnnxRuntimeBackend().prepare(found.artifact_path, precision="fp32", batch=2, threads=1) as session:
        assert session.input.shape == (2, 3, 64, 64)


def test_a_newer_ir_version_is_lowered_and_said(series: Callable[..., Series], write_network: WriteNetwork) -> None:
    newest = readable_ir_version(99)
    found = series(write_network(ir_version=newest + 1))
    assert f"The file has IR version {newest + 1}, and onnxruntime" in found.warnings
    assert f"measured is a copy with IR version {newest}." in found.warnings
    assert read_graph(Path(found.artifact_path)).ir_version == newest
    OnnxRuntimeBackend().prepare(found.artifact_path, precision="fp32", batch=1, threads=1).close()
    assert series(write_network(ir_version=newest)).warnings == ""


def test_arrays_fix_the_sizes_that_they_have(
    series: Callable[..., Series], write_network: WriteNetwork, tmp_path: Path
) -> None:
    path = write_network(shape=["batch", 3, "height", "width"])
    np.save(tmp_path / "images.npy", np.zeros((2, 3, 48, 64), np.float32))
    np.savez(tmp_path / "images.npz", input=np.zeros((1, 3, 40, 40), np.float32))
    for name, shape in (("images.npy", (2, 3, 48, 64)), ("images.npz", (1, 3, 40, 40))):
        found = series(path, inputs=str(tmp_path / name))
        assert read_graph(Path(found.artifact_path)).inputs[0].shape == shape
    stated = series(path, inputs=str(tmp_path / "images.npy"), shapes={"input": (1, 3, 8, 8)})
    assert stated.resolution == 8


def test_sizes_that_are_not_known_fail_the_row(series: Callable[..., Series], write_network: WriteNetwork) -> None:
    found = series(write_network(shape=["batch", 64, "height", "width"]))
    assert found.status == "failed"
    assert found.reason.endswith("state them: --shape input:1x64xNxN")
    found = series(write_network(), shapes={"input": (1, 3, 9, 9)})
    assert "does not fit the input [1, 3, 8, 8]: dimension 2 is 8" in found.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [(POINTER, "the file is a Git LFS pointer"), ("<html></html>", "the file is an HTML"), ("", "the file is empty")],
)
def test_what_is_not_onnx_fails_the_row(
    series: Callable[..., Series], content: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_text(content)
    found = series(path)
    assert found.status == "failed"
    assert reason in found.reason


def external(folder: Path) -> Path:
    weights = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w")
    inputs = [helper.make_tensor_value_info("x", 1, [1, 3, 8, 8])]
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info("y", 1, [1, 4, 6, 6])], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="model.onnx_data", size_threshold=0)
    return path


def test_weights_of_the_hubs_cache_are_found_beside_the_link(series: Callable[..., Series], tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "models--me--net/blobs", tmp_path / "models--me--net/snapshots/abc"
    for folder in (blobs, snapshot):
        folder.mkdir(parents=True)
    path = external(tmp_path)
    for index, name in enumerate(("model.onnx", "model.onnx_data")):
        (tmp_path / name).rename(blobs / f"{index}f2e")
        (snapshot / name).symlink_to(f"../../blobs/{index}f2e")
    found = series(snapshot / path.name)
    assert (found.status, found.artifact_path) == ("ok", str(snapshot / "model.onnx"))
    assert found.artifact_mib is not None
    assert found.artifact_mib > 4 * 3 * 3 * 3 * 4 / 2**20
    OnnxRuntimeBackend().prepare(found.artifact_path, precision="fp32", batch=1, threads=1).close()
    # Other weights are another artifact.
    (blobs / "1f2e").write_bytes(bytes(4 * 3 * 3 * 3 * 4))
    assert series(snapshot / path.name).artifact_sha256 != found.artifact_sha256


@pytest.mark.parametrize(("content", "reason"), [(None, "not beside it"), (POINTER, "which is a Git LFS pointer")])
def test_weights_that_are_not_there_fail_the_row(
    series: Callable[..., Series], content: str | None, reason: str, tmp_path: Path
) -> None:
    path = external(tmp_path)
    weights = tmp_path / "model.onnx_data"
    weights.unlink() if content is None else weights.write_text(content)
    found = series(path)
    assert found.status == "failed"
    assert "its weights are in 'model.onnx_data', " in found.reason
    assert reason in found.reason


def test_an_unreadable_graph_is_left_to_the_runtime(series: Callable[..., Series], tmp_path: Path) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(b"\x08\x08\x12")
    assert series(path).status == "ok"


def test_shapes_of_inputs_that_no_file_has_are_refused(write_network: WriteNetwork) -> None:
    check_shapes([write_network()], {"input": (1, 3, 8, 8)})
    with pytest.raises(HarnessError, match="--shape images: no file has this input; their inputs: input"):
        check_shapes([write_network()], {"images": (1, 3, 8, 8)})


PREPARED = "-1:1,-1:1,-1:1"


def prepared(path: Path, tmp_path: Path, inputs: str = "") -> Series:
    settings = FileSettings(
        OnnxRuntimeBackend(), "", AskedShapes(), inputs, tmp_path / "cache", prepared_inputs=PREPARED
    )
    return series_of_file("mine", path, settings)


def test_inputs_hold_what_the_preprocessing_makes(write_network: WriteNetwork, tmp_path: Path) -> None:
    assert prepared(write_network(), tmp_path).inputs == PREPARED
    assert prepared(write_network(shape=["n", 3, 8, 8]), tmp_path).inputs == PREPARED
    assert prepared(write_network(), tmp_path, "0:255").inputs == "0:255"


def test_inputs_that_are_no_prepared_images_hold_what_they_ever_do(write_network: WriteNetwork, tmp_path: Path) -> None:
    for network in (write_network(input_type=onnx.TensorProto.UINT8), write_network(shape=[1, 4, 8, 8])):
        assert prepared(network, tmp_path).inputs == ""


def test_a_precision_that_is_not_the_files_is_said(series: Callable[..., Series], write_network: WriteNetwork) -> None:
    half = write_network(weight_type=onnx.TensorProto.FLOAT16)
    assert series(half).warnings == "The file's graph is in fp16, but fp32 is stated with --precision."
    assert series(write_network()).warnings == ""


def test_random_numbers_are_said(series: Callable[..., Series], tmp_path: Path) -> None:
    nodes = [helper.make_node("RandomNormalLike", ["x"], ["y"], name="noise")]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", 1, [1, 3, 8, 8])], [helper.make_tensor_value_info("y", 1, None)]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "n.onnx")
    assert "draws random numbers (1 node: RandomNormalLike 'noise')" in series(tmp_path / "n.onnx").warnings


def test_shapes_without_a_file_are_refused() -> None:
    check_shapes([], {})
    with pytest.raises(HarnessError, match="--shape x: it is for ONNX files; add --onnx"):
        check_shapes([], {"x": (1, 3, 8, 8)})


def with_branches(folder: Path, *, taken: bool) -> Path:
    """A network that slices 8 values if its other input says so, and multiplies 4 otherwise: no input fits both."""
    free = helper.make_tensor_value_info("y", 1, None)
    starts = numpy_helper.from_array(np.array([4]), "start")
    ends = numpy_helper.from_array(np.array([8]), "end")
    axes = numpy_helper.from_array(np.array([1]), "axis")
    weights = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    sliced = helper.make_graph([helper.make_node("Slice", ["x", "start", "end", "axis"], ["y"])], "then", [], [free])
    multiplied = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "else", [], [free])
    inputs = [helper.make_tensor_value_info("x", 1, [None, None]), helper.make_tensor_value_info("long", 9, [])]
    chosen = ["long"] if taken else ["short"]
    nodes = [helper.make_node("Not", ["long"], ["short"])] if not taken else []
    nodes.append(helper.make_node("If", chosen, ["y"], then_branch=sliced, else_branch=multiplied))
    outputs = [helper.make_tensor_value_info("y", 1, [None, None])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [starts, ends, axes, weights])
    path = folder / "branches.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize(("taken", "size"), [(True, 8), (True, 16), (False, 4)])
def test_a_branch_that_never_runs_may_not_fit_the_sizes(
    taken: bool, size: int, series: Callable[..., Series], tmp_path: Path
) -> None:
    path = with_branches(tmp_path, taken=taken)
    found = series(path, shapes={"x": (1, size)})
    assert found.warnings.endswith("The sizes stay free in its graph, which has If, and are those of what it is fed.")
    assert [value.shape for value in read_graph(Path(found.artifact_path)).inputs] == [(1, size), ()]
    assert found.batch == 1
    with OnnxRuntimeBackend().prepare(found.artifact_path, precision="fp32", batch=1, threads=1) as session:
        session.start({"x": np.ones((1, size), np.float32), "long": np.ones((), bool)})
        assert session.outputs()["y"].shape == (1, 4)
    # Another shape is another artifact.
    assert series(path, shapes={"x": (1, size + 1)}).artifact_sha256 != found.artifact_sha256


def test_sizes_that_the_running_branch_refuses_say_what_to_state(series: Callable[..., Series], tmp_path: Path) -> None:
    found = series(with_branches(tmp_path, taken=False), shapes={"x": (1, 8)})
    values = {"x": np.ones((1, 8), np.float32), "long": np.ones((), bool)}
    message = r"cannot compute on its inputs, x \[1, 8\].*--shape, or other values"
    with (
        OnnxRuntimeBackend().prepare(found.artifact_path, precision="fp32", batch=1, threads=1) as session,
        pytest.raises(ArtifactError, match=message),
    ):
        session.start(values)


def test_a_runtime_that_needs_fixed_sizes_gets_them_in_spite_of_branches(tmp_path: Path) -> None:
    backend = OnnxRuntimeBackend()
    backend.feeds_free_sizes = False
    asked = AskedShapes(shapes={"x": (1, 8)})
    found = series_of_file("mine", with_branches(tmp_path, taken=True), FileSettings(backend, "", asked, "", tmp_path))
    inputs = onnx.load(found.artifact_path).graph.input
    assert [dim.dim_value for dim in inputs[0].type.tensor_type.shape.dim] == [1, 8]
