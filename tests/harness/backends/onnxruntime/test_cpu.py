from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from harness.backends.onnxruntime import nodes
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.backends.session import Session
from harness.errors import ArtifactError, FallbackError, UnsupportedError
from harness.files.file_precision import file_precision
from harness.files.onnx_graph import read_graph

WriteNetwork = Callable[..., Path]
PROFILES = Path(__file__).parents[3] / "data" / "onnxruntime_float16_profiles.json"
IMAGES = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)


def prepare(path: Path, precision: str = "fp32", batch: int = 1) -> Session:
    return OnnxRuntimeBackend().prepare(path, precision=precision, batch=batch, threads=1)


def test_a_session_computes_what_a_plain_session_computes(write_network: WriteNetwork) -> None:
    path = write_network()
    expected = onnxruntime.InferenceSession(str(path)).run(None, {"input": IMAGES})[0]
    with prepare(path) as session:
        session.start(IMAGES)
        session.infer()
        outputs = session.outputs()
    assert list(outputs) == ["logits"]
    np.testing.assert_array_equal(outputs["logits"], expected)


def test_a_started_session_runs_on_other_images(write_network: WriteNetwork) -> None:
    path = write_network()
    plain = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    first = IMAGES.copy()
    kept = []
    with prepare(path) as session:
        session.start(first)

        for scale in (2, -3):
            images = scale * IMAGES
            (outputs,) = session.run(images).values()
            expected = plain.run(None, {"input": images})[0]
            np.testing.assert_array_equal(outputs, expected)
            kept.append((outputs, expected))
    for outputs, expected in kept:
        np.testing.assert_array_equal(outputs, expected)
    np.testing.assert_array_equal(first, IMAGES)


def test_a_session_describes_itself(write_network: WriteNetwork) -> None:
    with prepare(write_network()) as session:
        session.start(IMAGES)
        assert session.input.name == "input"
        assert session.input.shape == (1, 3, 8, 8)
        assert session.provider == "CPUExecutionProvider"
        assert session.latency_kind == "host"
        assert session.precision_effective() == "fp32"


def computed_in(path: Path, precision: str) -> str:
    """The precision of a session for a requested precision, or how it refuses."""
    with prepare(path, precision=precision) as session:
        try:
            session.start(IMAGES)
        except FallbackError as error:
            return str(error).partition(".")[0]
        return session.precision_effective()


def test_float16_convolutions_are_not_reported_as_anything_else(write_network: WriteNetwork) -> None:
    """Few processors have kernels for these; on the others the runtime computes in float32."""
    path = write_network(weight_type=TensorProto.FLOAT16)
    found = {precision: computed_in(path, precision) for precision in ("fp32", "fp16")}
    assert found in (
        {
            "fp32": "fp32",
            "fp16": "fp16 was requested, but the runtime computed in fp32: 1 of 1 convolutions and matrix products "
            "ran in fp32 (Conv)",
        },
        {
            "fp32": "fp32 was requested, but the runtime computed in fp16: 1 of 1 convolutions and matrix products "
            "ran in fp16 (Conv)",
            "fp16": "fp16",
        },
    )


def started_with_profile(path: Path, machine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A started float16 session whose profile is that of another machine."""
    profiles = json.loads(PROFILES.read_text())
    report = tmp_path / "profile.json"
    report.write_text(json.dumps(profiles[machine]["events"]))
    monkeypatch.setattr(nodes, "profiled_nodes", lambda *_: nodes.read_profile(report))
    session = prepare(path, precision="fp16")
    session.start(IMAGES)
    return session


def test_float16_convolutions_on_the_processor_count_as_float16(
    write_network: WriteNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_network(weight_type=TensorProto.FLOAT16)
    with started_with_profile(path, "arm64", tmp_path, monkeypatch) as session:
        assert session.precision_effective() == "fp16+fp32"


def test_a_float16_classifier_does_not_make_a_network_float16(
    write_network: WriteNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_network(weight_type=TensorProto.FLOAT16)
    with pytest.raises(FallbackError, match=r"in fp16\+fp32: 2 of 3 .* ran in fp32 \(Conv\). Request fp32, or"):
        started_with_profile(path, "x86-64, 1.29.0", tmp_path, monkeypatch)


def test_integer_convolutions_are_read_back_from_the_executed_graph(tmp_path: Path) -> None:
    steps = [
        helper.make_node("QuantizeLinear", ["input", "scale", "zero"], ["quantised"]),
        helper.make_node("ConvInteger", ["quantised", "weights"], ["summed"]),
        helper.make_node("Cast", ["summed"], ["logits"], to=TensorProto.FLOAT),
    ]
    constants = {
        "scale": np.float32(0.1),
        "zero": np.uint8(128),
        "weights": np.ones((4, 3, 3, 3), dtype=np.int8),
    }
    graph = helper.make_graph(
        steps,
        "integer",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
        initializer=[onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    path = tmp_path / "integer.onnx"
    path.write_bytes(model.SerializeToString())
    with prepare(path, precision="int8") as session:
        session.start(IMAGES)
        assert session.precision_effective() == "int8"


def products(folder: Path, count: int) -> Path:
    """A chain of matrix products, `product0` and so on."""
    steps, constants, before = [], [], "input"
    for index in range(count):
        weights = np.random.default_rng(index).standard_normal((16, 16)).astype(np.float32)
        constants.append(onnx.numpy_helper.from_array(weights, f"weights{index}"))
        after = "logits" if index == count - 1 else f"hidden{index}"
        steps.append(helper.make_node("MatMul", [before, f"weights{index}"], [after], name=f"product{index}"))
        before = after
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 16]) for name in ("input", "logits")]
    graph = helper.make_graph(steps, "products", values[:1], values[1:], constants)
    path = folder / "products.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def dynamically_quantised(path: Path, names: list[str] | None = None) -> Path:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    target = path.with_name("quantised.onnx")
    quantize_dynamic(path, target, nodes_to_quantize=names, weight_type=QuantType.QInt8)
    return target


@pytest.mark.parametrize(
    ("quantised", "effective"),
    [(None, "int8"), (["product0"], "fp32+int8"), (["product2"], "fp32+int8"), (["product0", "product1"], "fp32+int8")],
)
def test_products_quantised_while_they_run_count_as_int8(
    quantised: list[str] | None, effective: str, tmp_path: Path
) -> None:
    path = dynamically_quantised(products(tmp_path, 4), quantised)
    assert file_precision(read_graph(path)) == "int8"
    with prepare(path, precision="int8") as session:
        session.start(np.ones((1, 16), np.float32))
        assert session.precision_effective() == effective


def test_a_file_with_a_few_quantised_products_is_no_float32_file(tmp_path: Path) -> None:
    path = dynamically_quantised(products(tmp_path, 1))
    with prepare(path, precision="fp32") as session, pytest.raises(FallbackError, match=r"fp32 was requested, .* int8"):
        session.start(np.ones((1, 16), np.float32))


def test_products_that_the_graph_leaves_in_float32_are_not_int8(tmp_path: Path) -> None:
    message = "int8 was requested, but the runtime computed in fp32"
    with prepare(products(tmp_path, 3), precision="int8") as session, pytest.raises(FallbackError, match=message):
        session.start(np.ones((1, 16), np.float32))


@pytest.mark.skipif(
    "AzureExecutionProvider" not in onnxruntime.get_available_providers(),
    reason="This build has one provider only.",
)
def test_a_second_provider_that_gets_no_node_is_an_error(write_network: WriteNetwork) -> None:
    """The real case of an accelerator's provider whose nodes are all placed on the processor."""
    backend = OnnxRuntimeBackend("AzureExecutionProvider")
    with (
        backend.prepare(write_network(), precision="fp32", batch=1, threads=1) as session,
        pytest.raises(FallbackError, match=r"are not on AzureExecutionProvider: .* on CPUExecutionProvider"),
    ):
        session.start(IMAGES)


def test_a_provider_that_the_build_lacks_makes_the_backend_unusable() -> None:
    availability = OnnxRuntimeBackend("NoSuchProvider").availability()
    assert not availability.usable
    assert "NoSuchProvider" in availability.why
    assert "Install" in availability.what_to_do


def test_the_backend_is_usable_and_names_its_version() -> None:
    backend = OnnxRuntimeBackend()
    assert backend.availability().usable
    assert backend.runtime() == f"onnxruntime {onnxruntime.__version__}"


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_reported_as_truncated(write_network: WriteNetwork, kept: float) -> None:
    path = write_network()
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ArtifactError, match="may be truncated"):
        prepare(path)


def test_a_file_cut_before_its_last_part_is_called_truncated(write_network: WriteNetwork) -> None:
    path = write_network()
    model = onnx.load(path)
    model.ClearField("opset_import")
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactError, match="may be truncated"):
        prepare(path)


def test_another_kind_of_file_is_reported_as_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("This is a readme.\n" * 20)
    with pytest.raises(ArtifactError, match="not a readable ONNX file"):
        prepare(path)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"shape": ["N", 3, 8, 8]}, "dynamic shape"),
        ({"shape": [4, 3, 8, 8]}, "batch 1 was requested"),
    ],
)
def test_unfit_networks_are_refused(write_network: WriteNetwork, what: dict[str, object], message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        prepare(write_network(**what))


@pytest.mark.parametrize(
    "what", [{"ir_version": 99}, {"opset": 99}, {"operator": "NoSuchOperator"}, {"weight_type": TensorProto.DOUBLE}]
)
def test_what_the_runtime_does_not_know_is_unsupported(write_network: WriteNetwork, what: dict[str, object]) -> None:
    with pytest.raises(UnsupportedError, match="older opset"):
        prepare(write_network(**what))


def test_no_profile_is_left_behind(
    write_network: WriteNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with prepare(write_network(weight_type=TensorProto.FLOAT16)) as session:
        session.bind_impl({"input": IMAGES})
        session.precision_effective()
    assert list(scratch.iterdir()) == []


def write_node(path: Path, operator: str, inputs: list[str], value: onnx.ValueInfoProto, **weights: object) -> Path:
    tensors = [onnx.numpy_helper.from_array(np.asarray(weight), name) for name, weight in weights.items()]
    nodes = [helper.make_node(operator, inputs, ["y"])]
    graph = helper.make_graph(nodes, "g", [value], [onnx.ValueInfoProto(name="y")], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_values_that_an_operator_refuses_are_named(tmp_path: Path) -> None:
    """Which index is valid, only the run shows."""
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [1, 2])
    path = write_node(tmp_path / "net.onnx", "Gather", ["table", "ids"], ids, table=np.ones((1, 4), np.float32))
    with prepare(path) as session:
        session.start(np.zeros((1, 2), np.int64))
        with pytest.raises(ArtifactError, match=r"cannot compute on its inputs, ids \[1, 2\]: .* --input-range"):
            session.start(np.ones((1, 2), np.int64))


def test_shapes_that_operators_refuse_are_named(tmp_path: Path) -> None:
    images = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 5])
    path = write_node(tmp_path / "net.onnx", "MatMul", ["x", "w"], images, w=np.ones((4, 2), np.float32))
    with pytest.raises(ArtifactError, match=r"does not fit the shapes of its inputs: .*--shape"):
        prepare(path)
