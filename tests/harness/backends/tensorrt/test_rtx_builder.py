"""Everything of a build that needs no GPU, on the scripted TensorRT-RTX and on the real one."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.backends.backend import BuiltEngine
from harness.backends.tensorrt.builder import EngineBuildError
from harness.backends.tensorrt.dialect import TACTIC_SOURCES_VARIABLE
from harness.backends.tensorrt.rtx_backend import TensorRtRtxBackend
from harness.errors import ArtifactError, FallbackError, HarnessError, NoGpuError, UnsupportedError
from harness.machine.gpu import devices
from harness.machine.gpu.settings import GpuSettings
from tests.fakes.tensorrt import RTX

IS_THERE = importlib.util.find_spec("tensorrt_rtx") is not None
REAL = pytest.param("real", marks=pytest.mark.skipif(not IS_THERE, reason="tensorrt_rtx is not installed"))
WriteModel = Callable[..., Path]


@pytest.fixture(params=["fake", REAL], autouse=True)
def library(request: pytest.FixtureRequest, install: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """TensorRT-RTX on a machine without a driver."""
    if request.param == "fake":
        install(RTX, has_driver=False)

    def no_driver() -> None:
        raise NoGpuError("No GPU can be used: no driver. Install it.")

    monkeypatch.setattr(devices, "cuda_devices", no_driver)
    return str(request.param)


def build(path: Path, cache_dir: Path, precision: str = "fp32", **settings: Any) -> BuiltEngine:
    return TensorRtRtxBackend().build(path, precision=precision, gpu=GpuSettings(**settings), cache_dir=cache_dir)


def sidecar(built: BuiltEngine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(built.path.with_name("engine.json").read_text())
    return found


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_every_precision_is_built_without_a_gpu(write_model: WriteModel, tmp_path: Path, precision: str) -> None:
    built = build(write_model(precision=precision), tmp_path, precision)
    assert not built.cached
    assert built.precision_effective == "", "it can be read back only where the engine can be loaded"
    assert built.facts.network_layers >= 4
    assert built.facts.warnings == ()
    assert built.facts.parse_s > 0
    assert built.size_mib == pytest.approx(built.path.stat().st_size / 2**20)
    assert sorted(path.name for path in built.path.parent.iterdir()) == ["engine.json", "engine.plan"]
    assert (sidecar(built)["built_for"]["library"], sidecar(built)["built_for"]["version"]) == ("TensorRT-RTX", RTX)
    assert sidecar(built)["built_for"]["gpu"] == ""
    again = build(write_model(precision=precision), tmp_path, precision)
    assert again.cached
    assert again.facts == built.facts


def test_two_builds_are_equal_whatever_the_folder(write_model: WriteModel, tmp_path: Path) -> None:
    first = build(write_model(), tmp_path / "first")
    elsewhere = tmp_path / "elsewhere.onnx"
    shutil.copy(write_model(), elsewhere)
    second = build(elsewhere, tmp_path / "second")
    assert not second.cached
    assert first.path.read_bytes() == second.path.read_bytes()


def test_the_capabilities_are_part_of_the_engine_and_of_its_key(write_model: WriteModel, tmp_path: Path) -> None:
    portable = build(write_model(), tmp_path)
    several = build(write_model(), tmp_path, capabilities=("sm86", "sm89", "sm120"))
    narrow = build(write_model(), tmp_path, capabilities=("sm80",))
    assert len({one.path for one in (portable, several, narrow)}) == 3
    assert len({one.path.read_bytes() for one in (portable, several, narrow)}) == 3
    assert sidecar(several)["built_for"]["capabilities"] == ["sm86", "sm89", "sm120"]


def test_a_matrix_product_in_float32_is_not_built_for_turing(
    write_model: WriteModel, write_network: Any, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedError, match=r"lacks an operation on Turing GPUs.*Leave sm75 out of --for"):
        build(write_model(), tmp_path, capabilities=("sm75", "sm86"))
    assert build(write_network(), tmp_path, capabilities=("sm75",)).path.is_file(), "a convolution is"


def test_an_unknown_capability_is_answered_with_the_known(write_model: WriteModel, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"--for sm90: TensorRT-RTX .* knows sm75, sm80, sm86, sm89, sm120, sm121"):
        build(write_model(), tmp_path, capabilities=("sm86", "sm90"))
    with pytest.raises(HarnessError, match="--for sm90,current"):
        TensorRtRtxBackend().check_capabilities(("sm86", "sm90", "current"))


def test_an_engine_of_the_bundle_is_used_if_it_is_the_same(write_model: WriteModel, tmp_path: Path) -> None:
    made = build(write_model(), tmp_path / "bundle", capabilities=("sm86",))
    here = {"precision": "fp32", "cache_dir": tmp_path / "cache", "bundle_dir": tmp_path / "bundle"}
    backend = TensorRtRtxBackend()
    found = backend.build(write_model(), gpu=GpuSettings(capabilities=("sm86",)), **here)
    assert (found.cached, found.bundled, found.sha256) == (True, True, made.sha256)
    assert found.path.parent.parent == tmp_path / "cache" / "engines"
    later = backend.build(write_model(), gpu=GpuSettings(capabilities=("sm86",)), **here)
    assert (later.cached, later.bundled) == (True, False)
    other = backend.build(write_model(), gpu=GpuSettings(capabilities=("sm120",)), **here)
    assert (other.cached, other.unfit) == (False, "built for capabilities sm86, here sm120")


def test_operators_that_cannot_be_parsed_are_named_with_their_nodes(write_model: WriteModel, tmp_path: Path) -> None:
    path = write_model(extra=("Det", "Softsign", "Det"))
    with pytest.raises(
        UnsupportedError,
        match=r"TensorRT-RTX 1\.7\.1\.116 cannot run these operators: Det \(2 nodes, first 'extra_0'\)\. Convert",
    ):
        build(path, tmp_path)


def test_a_node_that_the_parser_refuses_is_named_in_one_line(write_model: WriteModel, tmp_path: Path) -> None:
    """A zero point other than 0, as ONNX Runtime's placement of INT8 has it."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(write_model(precision="int8"))
    quantise = next(node for node in model.graph.node if node.op_type == "QuantizeLinear")
    kind = next(one for one in model.graph.initializer if one.name == quantise.input[2])
    zero_point = numpy_helper.to_array(kind) + 3
    model.graph.initializer.append(numpy_helper.from_array(zero_point.astype(zero_point.dtype), "shifted"))
    quantise.input[2] = "shifted"
    quantise.name = "asymmetric"
    dequantise = next(node for node in model.graph.node if node.input[0] == quantise.output[0])
    dequantise.input[2] = "shifted"
    onnx.save(model, tmp_path / "asymmetric.onnx")
    with pytest.raises(
        UnsupportedError, match=r"\[node \d+ QuantizeLinear 'asymmetric': .*zero point.*full log is"
    ) as raised:
        build(tmp_path / "asymmetric.onnx", tmp_path, "int8")
    assert "\n" not in str(raised.value)


def test_newer_onnx_is_read(write_model: WriteModel, tmp_path: Path) -> None:
    assert build(write_model(opset=18, ir_version=9), tmp_path).path.is_file()


def test_dynamic_shapes_are_refused(write_model: WriteModel, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"input 'input' has the dynamic shape \[-1, 3, 8, 8\]"):
        build(write_model(shape=("N", 3, 8, 8)), tmp_path)


@pytest.mark.parametrize("content", [b"", b"This is a readme.\n" * 20], ids=["empty", "text"])
def test_a_file_that_is_not_onnx_is_refused_though_the_parser_takes_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="not a readable ONNX file"):
        build(path, tmp_path)


def test_a_cut_file_is_refused(write_model: WriteModel, tmp_path: Path) -> None:
    whole = write_model().read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtifactError, match="not a readable ONNX file"):
        build(path, tmp_path)


def test_an_fp16_request_for_an_fp32_graph_is_refused(write_model: WriteModel, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"FP16 was requested, but the graph is FP32.*--precision fp16"):
        build(write_model(), tmp_path, "fp16")


def test_an_int8_request_without_quantisation_is_refused(write_model: WriteModel, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no QuantizeLinear.*calibration images"):
        build(write_model(), tmp_path, "int8")


def test_an_fp32_request_for_an_fp16_graph_is_refused_before_it_is_built(
    write_model: WriteModel, tmp_path: Path
) -> None:
    with pytest.raises(FallbackError, match=r"fp32 was requested.* computes in fp16"):
        build(write_model(precision="fp16"), tmp_path)
    assert list((tmp_path / "engines").glob("*/engine.plan")) == []


def test_too_little_workspace_names_the_option_and_leaves_no_engine(write_model: WriteModel, tmp_path: Path) -> None:
    with pytest.raises(EngineBuildError, match=r"increase --workspace.*no tactics to implement the operation"):
        build(write_model(), tmp_path, workspace_mib=1)
    assert [path for path in (tmp_path / "engines").iterdir() if path.is_dir()] == []
    (log,) = (tmp_path / "engines").glob("*.log")
    assert "no tactics to implement the operation" in log.read_text()


def test_what_the_library_adds_without_a_driver_explains_nothing(write_model: WriteModel, tmp_path: Path) -> None:
    with pytest.raises(EngineBuildError) as raised:
        build(write_model(), tmp_path, workspace_mib=1)
    assert "cudaError 35" not in str(raised.value)


def test_tactic_sources_are_restricted_by_the_environment(
    write_model: WriteModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = build(write_model(), tmp_path)
    monkeypatch.setenv(TACTIC_SOURCES_VARIABLE, "jit_convolutions")
    assert build(write_model(), tmp_path).path != free.path
    monkeypatch.setenv(TACTIC_SOURCES_VARIABLE, "CUDNN")
    with pytest.raises(HarnessError, match=r"no tactic source CUDNN; it has EDGE_MASK_CONVOLUTIONS, JIT_CONVOLUTIONS"):
        build(write_model(), tmp_path)


def test_no_timing_cache_is_made(write_model: WriteModel, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    build(write_model(), tmp_path)
    assert list((tmp_path / "engines").glob("timing-*")) == []
    assert not [one for one in recwarn if re.search("timing cache", str(one.message), re.IGNORECASE)]


def test_the_messages_of_each_build_go_to_its_own_log(write_model: WriteModel, tmp_path: Path) -> None:
    """Although the process has one logger, with which the first build registered it."""
    build(write_model(), tmp_path / "first")
    build(write_model(), tmp_path / "second")
    logs = [next((tmp_path / name / "engines").glob("*.log")).read_text() for name in ("first", "second")]
    assert all("Engine generation completed" in log or "network tensors" in log for log in logs)
    assert "logger" not in logs[1].lower()
