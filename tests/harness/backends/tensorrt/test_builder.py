from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.backends.backend import BuiltEngine
from harness.backends.tensorrt.backend import TensorRtBackend
from harness.backends.tensorrt.builder import EngineBuildError
from harness.backends.tensorrt.dialect import TACTIC_SOURCES_VARIABLE
from harness.errors import ArtifactError, FallbackError, HarnessError, UnsupportedError
from harness.machine.gpu.driver import CudaOutOfMemoryError
from harness.machine.gpu.settings import GpuSettings
from tests.fakes.tensorrt import TensorRtScript

OLD, TEN, ELEVEN = "8.5.3.1", "10.16.1.11", "11.4.0.106"


def build(path: Path, cache_dir: Path, precision: str = "fp32", **settings: Any) -> BuiltEngine:
    return TensorRtBackend().build(path, precision=precision, gpu=GpuSettings(**settings), cache_dir=cache_dir)


def flags(script: TensorRtScript) -> set[str]:
    found: set[str] = script.last_config._flags
    return found


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_every_version_builds_every_precision(
    script: TensorRtScript, write_model: Any, tmp_path: Path, precision: str
) -> None:
    built = build(write_model(precision=precision), tmp_path, precision)
    assert not built.cached
    assert precision in built.precision_effective.split("+")
    assert built.path.is_file()
    assert built.size_mib == pytest.approx(built.path.stat().st_size / 2**20)
    assert built.build_s >= 0


def test_tf32_is_never_allowed(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    for precision in ("fp32", "fp16", "int8"):
        build(write_model(precision=precision), tmp_path, precision)
        assert "TF32" not in flags(script)


@pytest.mark.parametrize(
    ("artifact", "asked", "expected"),
    [
        ("fp32", "fp32", set()),
        ("fp32", "fp16", {"FP16"}),
        ("fp16", "fp16", {"FP16"}),
        ("int8", "int8", {"INT8"}),
    ],
)
def test_8_5_has_precision_by_flags(
    install: Any, write_model: Any, tmp_path: Path, artifact: str, asked: str, expected: set[str]
) -> None:
    script = install(OLD)
    build(write_model(precision=artifact), tmp_path, asked)
    assert flags(script) == expected


@pytest.mark.parametrize("version", [TEN, ELEVEN])
def test_newer_versions_have_no_precision_flags(install: Any, write_model: Any, tmp_path: Path, version: str) -> None:
    script = install(version)
    for precision in ("fp32", "fp16", "int8"):
        build(write_model(precision=precision), tmp_path, precision)
        assert flags(script) == set()


@pytest.mark.parametrize("version", [TEN, ELEVEN])
def test_an_fp16_request_for_an_fp32_graph_is_refused(
    install: Any, write_model: Any, tmp_path: Path, version: str
) -> None:
    install(version)
    with pytest.raises(ArtifactError, match=r"FP16 was requested, but the graph is FP32.*--precision fp16"):
        build(write_model(), tmp_path, "fp16")


def test_an_int8_request_without_quantisation_is_refused(
    script: TensorRtScript, write_model: Any, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match=r"no QuantizeLinear.*calibration images"):
        build(write_model(), tmp_path, "int8")


def test_a_layer_that_8_5_keeps_in_fp32_is_reported(install: Any, write_model: Any, tmp_path: Path) -> None:
    install(OLD, fp32_operators=frozenset({"MatMul"}))
    assert build(write_model(), tmp_path, "fp16").precision_effective == "fp16+fp32"


def test_an_fp16_engine_without_fp16_is_an_error_and_not_kept(install: Any, write_model: Any, tmp_path: Path) -> None:
    install(OLD, fp32_operators=frozenset({"MatMul", "Conv"}))
    with pytest.raises(FallbackError, match=r"fp16 was requested, but the engine .* computes in fp32\. Measure"):
        build(write_model(), tmp_path, "fp16")
    assert list((tmp_path / "engines").glob("*/engine.plan")) == []


def test_an_fp32_request_for_an_fp16_graph_is_an_error(install: Any, write_model: Any, tmp_path: Path) -> None:
    install(TEN)
    with pytest.raises(FallbackError, match=r"fp32 was requested.* computes in fp16"):
        build(write_model(precision="fp16"), tmp_path, "fp32")


def test_operators_that_cannot_be_parsed_are_named(install: Any, write_model: Any, tmp_path: Path) -> None:
    for version in (OLD, TEN, ELEVEN):
        install(version, unsupported=frozenset({"Celu", "Softsign"}))
        path = write_model(extra=("Celu", "Softsign", "Celu"))
        with pytest.raises(
            UnsupportedError, match=r"cannot run these operators: Celu \(2 nodes, first 'extra_0'\), Softsign"
        ):
            build(path, tmp_path)


def test_other_errors_of_the_parser_are_all_reported(install: Any, write_model: Any, tmp_path: Path) -> None:
    for version in (OLD, TEN, ELEVEN):
        install(version, parser_errors=("Assertion failed: axis", "Assertion failed: rank"))
        with pytest.raises(UnsupportedError, match=r"cannot read .*axis.*rank.* full log is"):
            build(write_model(), tmp_path)


@pytest.mark.parametrize("what", [{"opset": 18}, {"ir_version": 9}])
def test_8_5_refuses_newer_onnx(install: Any, write_model: Any, tmp_path: Path, what: dict[str, int]) -> None:
    script = install(OLD)
    with pytest.raises(UnsupportedError, match=r"TensorRT 8\.5\.3\.1 reads at most opset 17 .*--opset 17"):
        build(write_model(**what), tmp_path)
    assert "Builder.__init__" not in script.calls


@pytest.mark.parametrize("version", [TEN, ELEVEN])
def test_newer_versions_read_newer_onnx(install: Any, write_model: Any, tmp_path: Path, version: str) -> None:
    install(version)
    assert build(write_model(opset=18, ir_version=9), tmp_path).path.is_file()


def test_dynamic_shapes_are_refused(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"input 'input' has the dynamic shape \[-1, 3, 8, 8\]"):
        build(write_model(shape=("N", 3, 8, 8)), tmp_path)


def test_a_failed_build_keeps_the_log(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    script.build = "nothing"
    with pytest.raises(EngineBuildError, match=r"could not build an fp32 engine .*any implementation for node conv"):
        build(write_model(), tmp_path)
    (log,) = (tmp_path / "engines").glob("*.log")
    assert "any implementation for node conv" in log.read_text()


def test_out_of_memory_is_recognised(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    script.build = "out_of_memory"
    with pytest.raises(CudaOutOfMemoryError, match="out of memory"):
        build(write_model(), tmp_path)


def test_too_little_workspace_is_recognised(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    script.build = "no_workspace"
    with pytest.raises(EngineBuildError, match="--workspace"):
        build(write_model(), tmp_path, workspace_mib=1)


def test_no_builder_is_explained(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    script.no_builder = True
    with pytest.raises(
        EngineBuildError, match=r"could not create a builder on NVIDIA Fake H200.*compute capability 9\.0"
    ):
        build(write_model(), tmp_path)


def test_a_file_that_is_not_onnx_is_reported(script: TensorRtScript, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("This is a readme.\n" * 20)
    with pytest.raises(ArtifactError, match="not a readable ONNX file"):
        build(path, tmp_path)


def test_the_workspace_is_limited_where_asked(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    build(write_model(), tmp_path, workspace_mib=64)
    assert script.last_config._pools == {"WORKSPACE": 64 * 2**20}
    build(write_model(), tmp_path)
    assert script.last_config._pools == {}


def test_tactic_sources_are_restricted_by_the_environment(
    script: TensorRtScript, write_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = build(write_model(), tmp_path)
    assert script.last_config._sources == 0
    monkeypatch.setenv(TACTIC_SOURCES_VARIABLE, "jit_convolutions, EDGE_MASK_CONVOLUTIONS")
    restricted = build(write_model(), tmp_path)
    import tensorrt as trt

    sources = trt.TacticSource
    assert script.last_config._sources == 1 << int(sources.EDGE_MASK_CONVOLUTIONS) | 1 << int(sources.JIT_CONVOLUTIONS)
    expected = {"DISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805"} if script.major == 8 else set()
    assert script.last_config._preview == expected
    assert restricted.path != free.path
    sidecar = json.loads(restricted.path.with_name("engine.json").read_text())
    assert sidecar["built_for"]["tactic_sources"] == ["EDGE_MASK_CONVOLUTIONS", "JIT_CONVOLUTIONS"]


def test_an_unknown_tactic_source_is_answered_with_the_known(
    install: Any, write_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(ELEVEN)
    monkeypatch.setenv(TACTIC_SOURCES_VARIABLE, "CUDNN")
    with pytest.raises(HarnessError, match=r"no tactic source CUDNN; it has EDGE_MASK_CONVOLUTIONS, JIT_CONVOLUTIONS"):
        build(write_model(), tmp_path)


def test_the_sidecar_describes_the_build(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    built = build(write_model(), tmp_path)
    sidecar = json.loads(built.path.with_name("engine.json").read_text())
    assert sidecar["sha256"] == built.sha256
    assert sidecar["built_for"]["version"] == script.version
    assert sidecar["log_tail"] == ["[INFO] Engine generation completed."]
    # TensorRT's own words, including control characters.
    layers = json.loads(built.path.with_name("layers.json").read_text(), strict=False)["Layers"]
    assert {"Name", "LayerType", "Inputs", "Outputs"} <= set(layers[0])
