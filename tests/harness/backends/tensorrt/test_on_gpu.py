"""The same backends on a real TensorRT, a real TensorRT for RTX and a GPU: `pytest -m gpu`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from harness.artifacts.reference import write_reference
from harness.backends.tensorrt.backend import TensorRtBackend
from harness.backends.tensorrt.rtx_backend import TensorRtRtxBackend
from harness.errors import ArtifactError, FallbackError, UnsupportedError
from harness.machine.gpu.settings import GpuSettings
from harness.processes.build import built
from harness.processes.target import Target

pytestmark = pytest.mark.gpu

# Relative to the largest output: FP32 kernels differ in the order of their sums, FP16 has 11 bits, INT8 grids are equal
# on both sides but may round to a neighbouring value.
_TOLERANCES = {"fp32": 1e-4, "fp16": 2e-2, "int8": 5e-2}


def images_of(seed: int = 1) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((1, 3, 224, 224)).astype(np.float32)


@pytest.fixture(scope="module", params=[TensorRtBackend, TensorRtRtxBackend], ids=lambda kind: kind.name)
def backend(request: pytest.FixtureRequest) -> TensorRtBackend:
    found: TensorRtBackend = request.param()
    availability = found.availability()
    if not availability.usable:
        pytest.skip(availability.why)
    return found


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "reference.onnx"
    write_reference(path)
    return path


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def on_cpu(path: Path, images: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    result: npt.NDArray[Any] = session.run(None, {session.get_inputs()[0].name: images})[0]
    return result


def prepare(backend: TensorRtBackend, path: Path, cache_dir: Path, precision: str, **settings: Any) -> Any:
    gpu = GpuSettings(**settings)
    backend.build(path, precision=precision, gpu=gpu, cache_dir=cache_dir)
    return backend.prepare(path, precision=precision, batch=1, threads=1, gpu=gpu, cache_dir=cache_dir)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("cuda_graph", [False, True])
def test_the_engine_computes_what_the_processor_computes(
    backend: TensorRtBackend, write_model: Any, cache_dir: Path, precision: str, cuda_graph: bool
) -> None:
    path = write_model(precision=precision, shape=(1, 3, 224, 224))
    images = images_of()
    with prepare(backend, path, cache_dir, precision, cuda_graph=cuda_graph) as session:
        session.start(images)
        session.time_block(np.zeros(10, dtype=np.int64))
        found = session.outputs()["logits"]
        assert precision in session.precision_effective().split("+")
    expected = on_cpu(path, images)
    assert np.abs(found - expected).max() <= _TOLERANCES[precision] * np.abs(expected).max()


def test_fp32_is_not_tf32(backend: TensorRtBackend, reference: Path, cache_dir: Path) -> None:
    """TF32 has 10 bits of mantissa: its error here would be a few parts in a thousand."""
    images = images_of()
    with prepare(backend, reference, cache_dir, "fp32") as session:
        session.start(images)
        found = session.outputs()["logits"]
    expected = on_cpu(reference, images)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


def test_an_engine_comes_from_the_cache_the_second_time(
    backend: TensorRtBackend, reference: Path, cache_dir: Path
) -> None:
    first = backend.build(reference, precision="fp32", gpu=GpuSettings(), cache_dir=cache_dir)
    second = backend.build(reference, precision="fp32", gpu=GpuSettings(), cache_dir=cache_dir)
    assert second.cached
    assert second.sha256 == first.sha256


def test_it_builds_in_its_own_process(backend: TensorRtBackend, reference: Path, tmp_path: Path) -> None:
    target = Target(str(reference), "", backend.name, "fp32", batch=1, threads=1, cache_dir=str(tmp_path))
    ((_, result),) = built([target], timeout_s=600)
    assert result.status == "ok", result.reason
    assert result.build_s is not None
    assert result.build_s > 0


def test_device_times_are_those_of_the_host_less_its_own(
    backend: TensorRtBackend, reference: Path, cache_dir: Path
) -> None:
    """Without waiting for the GPU, or with events in another stream, times would be far from the host's."""
    with prepare(backend, reference, cache_dir, "fp32") as session:
        session.start(images_of())
        latencies_ns = np.zeros(200, dtype=np.int64)
        session.time_block(latencies_ns)
        session.time_block(latencies_ns)
        figures = session.gpu_figures()
    median_ms = float(np.median(latencies_ns)) / 1e6
    assert 0.02 < median_ms < 20
    # Back to back, the wall time of an inference is the device's time or a little more.
    assert 0.8 <= 1000 / figures.throughput_images_per_s / median_ms <= 1.5
    assert figures.latency_host_median_ms >= median_ms
    assert figures.engine_mib > 0


def test_layer_times_add_up_to_the_inference(backend: TensorRtBackend, reference: Path, cache_dir: Path) -> None:
    with prepare(backend, reference, cache_dir, "fp32") as session:
        session.start(images_of())
        latencies_ns = np.zeros(100, dtype=np.int64)
        session.time_block(latencies_ns)
        layers = session.layer_times(20)
        assert session.precision_effective() == "fp32"
    total_ms = sum(layer.time_ms for layer in layers)
    assert len(layers) >= 5
    # Profiling puts an event around each layer, which itself takes time.
    assert 0.5 <= total_ms / (float(np.median(latencies_ns)) / 1e6) <= 4
    assert any(layer.precision == "fp32" and layer.kind for layer in layers)


def test_an_fp16_request_for_an_fp32_graph_is_not_accepted(
    backend: TensorRtBackend, write_model: Any, cache_dir: Path
) -> None:
    if not backend.dialect().strongly_typed:
        pytest.skip("TensorRT 8 makes FP16 of an FP32 graph.")
    with pytest.raises(ArtifactError, match="the graph is FP32"):
        prepare(backend, write_model(shape=(1, 3, 224, 224)), cache_dir, "fp16")


def test_an_fp32_request_for_an_fp16_graph_is_not_accepted(
    backend: TensorRtBackend, write_model: Any, cache_dir: Path
) -> None:
    if not backend.dialect().strongly_typed:
        pytest.skip("TensorRT 8 refuses FP16 tensors without its flag.")
    with pytest.raises(FallbackError, match="computes in fp16"):
        prepare(backend, write_model(precision="fp16", shape=(1, 3, 224, 224)), cache_dir, "fp32")


def test_an_unsupported_operator_is_named(backend: TensorRtBackend, write_model: Any, cache_dir: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"cannot run these operators: Det"):
        prepare(backend, write_model(extra=("Det",), shape=(1, 3, 224, 224)), cache_dir, "fp32")


def test_kernels_are_compiled_once_for_each_gpu(reference: Path, tmp_path: Path) -> None:
    backend = TensorRtRtxBackend()
    if not backend.availability().usable:
        pytest.skip(backend.availability().why)
    uses, seconds = [], []
    for _ in range(2):
        with prepare(backend, reference, tmp_path, "fp32") as session:
            session.start(images_of())
            session.time_block(np.zeros(10, dtype=np.int64))
            figures = session.gpu_figures()
        uses.append(figures.jit_cache)
        seconds.append(figures.jit_s)
    assert uses == ["miss", "hit"]
    assert seconds[1] < seconds[0]
