from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto

from harness.backends.backend import BuiltEngine
from harness.backends.onnxruntime import engines, libraries
from harness.backends.onnxruntime.tensorrt import OnnxRuntimeTensorRtBackend
from harness.backends.session import Session
from harness.errors import FallbackError, HarnessError, UnsupportedError
from harness.machine.gpu.settings import GpuSettings
from harness.machine.meter import CpuMeter
from harness.processes import trial_worker
from harness.processes.trial import TrialJob
from tests.fakes.onnxruntime import NO_TENSORRT, TENSORRT, Script

WriteNetwork = Callable[..., Path]
IMAGES = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def build(path: Path, cache: Path, precision: str = "fp32", gpu: GpuSettings | None = None) -> BuiltEngine:
    return OnnxRuntimeTensorRtBackend().build(path, precision=precision, gpu=gpu or GpuSettings(), cache_dir=cache)


def prepare(path: Path, cache: Path, precision: str = "fp32", gpu: GpuSettings | None = None) -> Session:
    return OnnxRuntimeTensorRtBackend().prepare(
        path, precision=precision, batch=1, threads=1, gpu=gpu or GpuSettings(), cache_dir=cache
    )


def test_an_engine_is_built_once_and_found_again(machine: Script, write_network: WriteNetwork, cache: Path) -> None:
    path = write_network()
    built = build(path, cache)
    assert not built.cached
    assert built.precision_effective == "fp32"
    assert built.size_mib == built.path.stat().st_size / 2**20
    assert built.sha256 == engines.file_sha256(built.path)
    assert built.build_s > 0
    sessions = len(machine.sessions)
    again = build(path, cache)
    assert again.cached
    assert (again.sha256, again.path, again.build_s) == (built.sha256, built.path, built.build_s)
    assert len(machine.sessions) == sessions, "nothing is created for an engine that is there"
    assert all(driver.closed for driver in machine.drivers)


def test_a_trial_loads_the_engine_and_computes(machine: Script, write_network: WriteNetwork, cache: Path) -> None:
    path = write_network()
    built = build(path, cache)
    with prepare(path, cache) as session:
        session.start(IMAGES)
        assert session.provider == TENSORRT
        expected = onnxruntime.InferenceSession(str(path)).run(None, {"input": IMAGES})[0]
        np.testing.assert_array_equal(session.outputs()["logits"], expected)
        session.time_block(np.zeros(3, dtype=np.int64))
        figures = session.gpu_figures()
    assert figures is not None
    assert (figures.engine_sha256, figures.engine_mib, figures.engine_build_s) == (
        built.sha256,
        built.size_mib,
        built.build_s,
    )


def test_a_whole_trial_runs_with_the_reference(
    machine: Script, quick_job: TrialJob, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_worker, "open_meter", lambda _gpu: CpuMeter())
    first, second = (
        dataclasses.replace(target, backend="onnxruntime-tensorrt", cache_dir=str(cache))
        for target in (quick_job.first, quick_job.second)
    )
    for target in (first, second):
        build(Path(target.artifact), cache)
    result = trial_worker.measure_job(dataclasses.replace(quick_job, first=first, second=second))
    assert result.status == "ok"
    assert result.latency_kind == "gpu_compute"
    # The device's clock; an inference that finds an idle device also waits for its own enqueueing.
    assert result.latency_min_ms in (0.5, 0.51)
    assert result.provider == TENSORRT
    assert result.precision_effective == "fp32"
    assert result.runtime == "onnxruntime 1.31.1, TensorRT 10.13.2"
    assert result.gpu is not None
    assert result.gpu.engine_sha256 is not None
    assert all(driver.closed for driver in machine.drivers)


def test_the_options_turn_precision_flags_off(machine: Script, write_network: WriteNetwork, cache: Path) -> None:
    path, gpu = write_network(), GpuSettings(device=1, workspace_mib=64)
    build(path, cache, gpu=gpu)
    with prepare(path, cache, gpu=gpu):
        used = machine.sessions[-1]
    assert used.own_options == {
        "device_id": "1",
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(next((cache / engines.ENGINES_FOLDER).glob("*-fp32-*"))),
        "trt_fp16_enable": "False",
        "trt_int8_enable": "False",
        "trt_max_workspace_size": str(64 * 2**20),
        "user_compute_stream": str(used.stream),
    }
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == "0"


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_precisions_that_cannot_be_determined_are_refused(
    machine: Script, write_network: WriteNetwork, cache: Path, precision: str
) -> None:
    with pytest.raises(UnsupportedError, match=f"does not support precision {precision}; it supports fp32"):
        prepare(write_network(), cache, precision)
    with pytest.raises(UnsupportedError, match=f"does not support precision {precision}; it supports fp32"):
        build(write_network(), cache, precision)


def test_a_float16_network_is_not_reported_as_float32(
    machine: Script, write_network: WriteNetwork, cache: Path
) -> None:
    """A weakly typed network, which TensorRT might compute in either."""
    with pytest.raises(FallbackError, match="fp32 was requested, but the runtime computed in unknown"):
        build(write_network(weight_type=TensorProto.FLOAT16), cache)
    assert not list((cache / engines.ENGINES_FOLDER).glob("*-fp32-*"))
    assert all(driver.closed for driver in machine.drivers)


def test_precision_flags_that_are_on_nevertheless_are_an_error(
    machine: Script, write_network: WriteNetwork, cache: Path
) -> None:
    machine.flags_from_environment = ("trt_fp16_enable",)
    with pytest.raises(FallbackError, match="trt_fp16_enable on"):
        build(write_network(), cache)


def test_an_operator_that_tensorrt_lacks_is_named(machine: Script, write_network: WriteNetwork, cache: Path) -> None:
    machine.on_processor = ("Relu",)
    with pytest.raises(FallbackError, match="Relu 'activation' on CPUExecutionProvider"):
        build(write_network(), cache)


def test_a_network_in_several_engines_is_an_error(machine: Script, write_network: WriteNetwork, cache: Path) -> None:
    machine.engines_per_network = 2
    with pytest.raises(FallbackError, match="2 TensorRT engines for the network, not one"):
        build(write_network(), cache)


def test_networks_with_the_same_name_and_other_weights_share_no_engine(
    machine: Script, write_network: WriteNetwork, cache: Path
) -> None:
    """The provider itself would load the engine of the first network."""
    first = build(write_network(weight=1.0), cache)
    second = build(write_network(weight=2.0), cache)
    assert first.path.name == second.path.name
    assert not second.cached
    assert first.sha256 != second.sha256


@pytest.mark.parametrize(
    "change", ["precision", "workspace", "gpu", "compute_capability", "driver", "tensorrt", "runtime"]
)
def test_what_decides_the_engine_decides_the_folder(change: str) -> None:
    facts = engines.EngineKey("ab" * 32, "model.onnx", "fp32", None, "onnxruntime 1, TensorRT 10", "H200", "9.0", 13000)
    fields = {
        "precision": ("precision", "fp16"),
        "workspace": ("workspace_mib", 64),
        "gpu": ("gpu", "H100"),
        "compute_capability": ("compute_capability", "8.0"),
        "driver": ("cuda_driver", 12080),
        "tensorrt": ("runtime", "onnxruntime 1, TensorRT 11"),
        "runtime": ("runtime", "onnxruntime 2, TensorRT 10"),
    }
    name, value = fields[change]
    other = engines.EngineKey(**{**facts.__dict__, name: value})
    assert other.name != facts.name
    if name not in ("precision", "workspace_mib"):
        assert other.timings_name != facts.timings_name


def test_timings_of_kernels_are_kept_between_builds(machine: Script, write_network: WriteNetwork, cache: Path) -> None:
    build(write_network(weight=1.0), cache)
    build(write_network(weight=2.0), cache)
    (timings,) = (cache / engines.ENGINES_FOLDER).glob("timings-*/*.timing")
    assert timings.read_bytes() == b".."


def test_a_failed_build_leaves_nothing(machine: Script, write_network: WriteNetwork, cache: Path) -> None:
    machine.creation_error = RuntimeError("TensorRT EP failed to create engine from network for fused node: graph_0")
    with pytest.raises(HarnessError, match=r"cannot build an engine of .*failed to create engine") as caught:
        build(write_network(), cache)
    assert not isinstance(caught.value, UnsupportedError)
    assert list((cache / engines.ENGINES_FOLDER).iterdir()) == []


def test_a_damaged_engine_is_built_again(machine: Script, write_network: WriteNetwork, cache: Path) -> None:
    path = write_network()
    built = build(path, cache)
    built.path.write_bytes(built.path.read_bytes()[:10])
    again = build(path, cache)
    assert not again.cached
    assert again.sha256 == built.sha256


def test_a_damaged_record_is_written_again(machine: Script, write_network: WriteNetwork, cache: Path) -> None:
    path = write_network()
    record = build(path, cache).path.with_name("engine.json")
    record.write_text(json.dumps({"sha256": "00"}))
    assert not build(path, cache).cached
    assert build(path, cache).cached


def test_a_trial_without_an_engine_says_so(machine: Script, write_network: WriteNetwork, cache: Path) -> None:
    with pytest.raises(HarnessError, match=r"no engine of .*tiny\.onnx for this GPU"):
        prepare(write_network(), cache)
    assert machine.drivers[-1].closed


def test_a_trial_that_builds_its_own_engine_is_an_error(
    machine: Script, write_network: WriteNetwork, cache: Path
) -> None:
    path = write_network()
    build(path, cache)
    machine.engines_per_network = 2
    with pytest.raises(FallbackError, match="built another engine instead of loading"):
        prepare(path, cache)
    assert machine.drivers[-1].closed


def test_an_engine_that_does_not_load_is_explained(machine: Script, write_network: WriteNetwork, cache: Path) -> None:
    path = write_network()
    build(path, cache)
    machine.creation_error = RuntimeError("TensorRT EP could not deserialize engine from cache: /x/y.engine")
    with pytest.raises(HarnessError, match=r"cannot load the engine.*y\.engine Remove the file"):
        prepare(path, cache)


def test_libraries_that_the_runtime_does_not_name_are_unsupported(
    machine: Script, write_network: WriteNetwork, cache: Path
) -> None:
    machine.creation_error = RuntimeError(NO_TENSORRT)
    with pytest.raises(UnsupportedError, match="libraries do not load; `python -m harness env` lists them"):
        build(write_network(), cache)


def test_tensorrt_of_the_right_version_is_requested(machine: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "missing", lambda _names: ["libnvinfer.so.10", "libnvonnxparser.so.10"])
    availability = OnnxRuntimeTensorRtBackend().availability()
    assert not availability.usable
    assert availability.why.startswith("TensorrtExecutionProvider needs libnvinfer.so.10, libnvonnxparser.so.10")
    assert "pip install 'tensorrt-cu13==10.*'" in availability.what_to_do
    assert "built for TensorRT 10 and CUDA 13" in availability.what_to_do
    assert "cudnn" not in availability.what_to_do


def test_other_missing_libraries_are_those_of_cuda(
    machine: Script, monkeypatch: pytest.MonkeyPatch, write_network: WriteNetwork, cache: Path
) -> None:
    monkeypatch.setattr(libraries, "missing", lambda _names: ["libcudnn.so.9"])
    assert "tensorrt-cu13" not in OnnxRuntimeTensorRtBackend().availability().what_to_do
    with pytest.raises(
        UnsupportedError, match=r"onnxruntime-tensorrt: .*libcudnn\.so\.9.*onnxruntime-gpu\[cuda,cudnn\]"
    ):
        build(write_network(), cache)


def test_everything_missing_is_requested(machine: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "missing", lambda names: names)
    advice = OnnxRuntimeTensorRtBackend().availability().what_to_do
    assert "onnxruntime-gpu[cuda,cudnn]" in advice
    assert "tensorrt-cu13==10.*" in advice


def test_it_is_usable_and_names_its_versions(machine: Script) -> None:
    availability = OnnxRuntimeTensorRtBackend().availability()
    assert availability.usable
    assert "onnxruntime 1.31.1, TensorRT 10.13.2" in availability.why
