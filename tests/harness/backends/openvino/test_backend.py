"""OpenVINO itself, on networks of a few operators."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness import backends
from harness.backends.openvino import backend as module
from harness.backends.openvino import integers, settings
from harness.backends.openvino.backend import OpenVinoBackend
from harness.backends.openvino.executed import ExecutedLayer
from harness.backends.openvino.session import OpenVinoSession
from harness.backends.session import Session
from harness.errors import ArtifactError, FallbackError, UnsupportedError

pytest.importorskip("openvino", reason="openvino is not installed")

WriteNetwork = Callable[..., Path]
IMAGES = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)


def prepare(path: Path, precision: str = "fp32", batch: int = 1, threads: int = 1) -> Session:
    return OpenVinoBackend().prepare(path, precision=precision, batch=batch, threads=threads)


def expected(path: Path, images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: images})[0]


def test_it_computes_what_onnx_runtime_computes(write_network: WriteNetwork) -> None:
    path = write_network()
    with prepare(path) as session:
        session.start(IMAGES)
        assert (session.input.name, session.input.shape, session.input.dtype) == ("input", (1, 3, 8, 8), "float32")
        assert session.precision_effective() == "fp32"
        assert session.latency_kind == "host"
        for scale in (1, -3):
            (logits,) = session.run(scale * IMAGES).values()
            np.testing.assert_allclose(logits, expected(path, scale * IMAGES), rtol=1e-4, atol=1e-5)
        assert list(session.outputs()) == ["logits"]


def test_outputs_are_copies(write_network: WriteNetwork) -> None:
    with prepare(write_network()) as session:
        session.start(IMAGES)
        (first,) = session.outputs().values()
        kept = first.copy()
        session.run(2 * IMAGES)
        np.testing.assert_array_equal(first, kept)


def test_layers_are_timed_in_a_network_of_their_own(write_network: WriteNetwork) -> None:
    with prepare(write_network()) as session:
        session.start(IMAGES)
        layers = session.layer_times(3)
    convolution = next(layer for layer in layers if layer.kind == "Convolution")
    assert (convolution.precision, convolution.shapes) == ("fp32", "3x8x8 > 4x8x8")
    assert convolution.variant == "3x3"
    assert [layer.position for layer in layers] == list(range(len(layers)))
    assert all(layer.time_ms >= 0 for layer in layers)


def quantised(path: Path) -> Path:
    """A convolution between pairs without zero points, as TensorRT wants them."""
    step = np.float32(0.05)
    nodes = [
        helper.make_node("QuantizeLinear", ["input", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["dw"], axis=0),
        helper.make_node("Conv", ["d", "dw"], ["logits"]),
    ]
    weights = {
        "s": step,
        "z": np.int8(0),
        "w": np.random.default_rng(0).integers(-99, 99, (8, 16, 3, 3)).astype(np.int8),
        "ws": np.full(8, 0.01, np.float32),
        "wz": np.zeros(8, np.int8),
    }
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 16, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_pairs_around_a_convolution_are_computed_in_integers(tmp_path: Path) -> None:
    path = quantised(tmp_path / "net.onnx")
    images = np.random.default_rng(1).standard_normal((1, 16, 8, 8)).astype(np.float32)
    with prepare(path, "int8") as session:
        session.start(images)
        assert session.precision_effective() == "int8"
        (logits,) = session.outputs().values()
    np.testing.assert_allclose(logits, expected(path, images), rtol=0.02, atol=0.1)
    with prepare(path, "fp32") as session, pytest.raises(FallbackError, match=r"fp32 was requested.*in int8"):
        session.start(images)


def test_float16_that_the_processor_lacks_is_no_float16_row(write_network: WriteNetwork) -> None:
    capabilities = OpenVinoBackend().environment_facts()["capabilities"].split()
    if "FP16" in capabilities:
        pytest.skip("this processor computes in float16")
    with pytest.raises(UnsupportedError, match=r"^This processor has no FP16, which OpenVINO would emulate"):
        prepare(write_network(weight_type=TensorProto.FLOAT16), "fp16")


def test_what_it_changes_is_noticed(write_network: WriteNetwork) -> None:
    with pytest.raises(UnsupportedError, match=r"INFERENCE_NUM_THREADS 4096 became \d+.* Ask for no more --threads"):
        prepare(write_network(), threads=4096)


def lacks(capability: str) -> bool:
    return capability not in OpenVinoBackend().environment_facts()["capabilities"].split()


def pretend_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that says it has bfloat16."""
    monkeypatch.setattr(OpenVinoBackend, "_capabilities", lambda self: ["BF16", "FP32", "INT8"])


def test_bfloat16_that_the_processor_lacks_is_refused(write_network: WriteNetwork) -> None:
    if not lacks("BF16"):
        pytest.skip("this processor computes in bfloat16")
    message = r"no BF16, which OpenVINO would emulate.* nothing of bf16; it has .*FP32.* Measure in fp32 here"
    with pytest.raises(UnsupportedError, match=message):
        prepare(write_network(), "bf16")


def test_a_precision_that_it_ignores_is_noticed(write_network: WriteNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor without bfloat16 computes in float32 instead."""
    if not lacks("BF16"):
        pytest.skip("this processor computes in bfloat16")
    pretend_bf16(monkeypatch)
    with pytest.raises(UnsupportedError, match="INFERENCE_PRECISION_HINT bf16 became f32"):
        prepare(write_network(), "bf16")


@pytest.mark.parametrize("element", ["bf16", "f32"])
def test_bfloat16_is_read_in_the_layers(
    element: str, write_network: WriteNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the processor has: the property is believed, and the layers decide."""
    pretend_bf16(monkeypatch)
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(settings, "check", lambda compiled, wanted: asked.append(wanted))
    layers = [ExecutedLayer(name, "Convolution", element, "brgconv_avx512_core_amx", 1) for name in "ab"]
    monkeypatch.setattr(OpenVinoSession, "layers", lambda self: layers)
    with prepare(write_network(), "bf16") as session:
        assert asked[0]["INFERENCE_PRECISION_HINT"] == "bf16"
        if element == "bf16":
            session.start(IMAGES)
            assert session.precision_effective() == "bf16"
        else:
            with pytest.raises(FallbackError, match=r"bf16 was requested.*2 of 2 .*ran in fp32"):
                session.start(IMAGES)


def test_a_reference_kernel_is_named(write_network: WriteNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [ExecutedLayer("stem", "Convolution", "f32", "ref_any_f32", 1), ExecutedLayer("a", "Add", "f32", "ref", 2)]
    monkeypatch.setattr(OpenVinoSession, "layers", lambda self: layers)
    with (
        prepare(write_network()) as session,
        pytest.raises(FallbackError, match=r"1 layer by a reference kernel.*Convolution 'stem' \(ref_any_f32\)"),
    ):
        session.start(IMAGES)


def test_operators_that_it_lacks_are_named(tmp_path: Path) -> None:
    nodes = [helper.make_node(name, ["x"], [name], domain="my.ops") for name in ("Foo", "Bar")]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "Foo", "Bar")]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my.ops", 1)]
    model = helper.make_model(helper.make_graph(nodes, "g", values[:1], values[1:]), opset_imports=opsets, ir_version=8)
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(UnsupportedError, match=r"lacks 2 operators of .*net[.]onnx: my[.]ops[.]Bar, my[.]ops[.]Foo"):
        prepare(tmp_path / "net.onnx")


def test_a_package_without_a_version_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load", SimpleNamespace)
    availability = OpenVinoBackend().availability()
    assert (availability.usable, "is too old" in availability.why) == (False, True)


def test_a_file_that_is_cut_is_at_fault(write_network: WriteNetwork, tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(write_network().read_bytes()[:-40])
    with pytest.raises(ArtifactError, match=r"not a readable ONNX file|cannot read .* as ONNX"):
        prepare(cut)


@pytest.mark.parametrize(
    ("version", "devices", "why"),
    [("2024.2.0-9052", ["CPU"], "is too old"), ("2026.4.1-1", ["GPU"], "no plugin for the CPU, only GPU")],
)
def test_an_installation_that_cannot_be_used_says_why(
    version: str, devices: list[str], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = SimpleNamespace(get_version=lambda: version, Core=lambda: SimpleNamespace(available_devices=devices))
    monkeypatch.setattr(module, "load", lambda: fake)
    found = OpenVinoBackend().availability()
    assert not found.usable
    assert why in found.why
    assert "pip install" in found.what_to_do


def test_a_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise ImportError("No module named 'openvino'")

    monkeypatch.setattr(module, "load", missing)
    found = OpenVinoBackend().availability()
    assert (found.usable, found.what_to_do) == (False, "Run: pip install 'baseline-zoo[openvino]'")


def test_its_import_reports_to_nobody(tmp_path: Path) -> None:
    """In a process of its own, in an empty home: no host is looked up and no file is left."""
    code = """
import json, os, sys, time
from pathlib import Path
looked_up = []
def note(event, arguments):
    if event == "socket.getaddrinfo":
        looked_up.append(str(arguments[0]))
sys.addaudithook(note)
from harness import backends
name = backends.get("openvino").runtime()
time.sleep(0.5)
print(json.dumps([name, looked_up, sorted(map(str, Path.home().rglob("*")))]))
"""
    answer = subprocess.run(
        [sys.executable, "-B", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(tmp_path), "PATH": "", "PYTHONPATH": str(Path(backends.__file__).parents[2])},
    )
    name, looked_up, files = json.loads(answer.stdout)
    assert name.startswith("openvino 20")
    assert (looked_up, files) == ([], [])


def test_its_version_and_settings_are_the_environments() -> None:
    facts = OpenVinoBackend().environment_facts()
    assert facts["openvino_version"].startswith("20")
    assert (facts["EXECUTION_MODE_HINT"], facts["PERFORMANCE_HINT"]) == ("ACCURACY", "LATENCY")
    assert "INFERENCE_NUM_THREADS" not in facts


def test_sums_that_are_cut_off_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large products decide; small ones fit wherever they are added."""
    saturates = integers.saturates_int8.__wrapped__
    flags = Path("/proc/cpuinfo")
    if flags.is_file() and " avx2 " in flags.read_text():
        assert saturates() is ("vnni" not in flags.read_text())
    monkeypatch.setattr(integers, "_WEIGHT", 1)
    assert not saturates()
