"""ONNX Runtime on a real GPU: placement, precision, timing, and equal results."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from harness import backends
from harness.backends.session import Session
from harness.machine.gpu.settings import GpuSettings

pytestmark = pytest.mark.gpu

WriteNetwork = Callable[..., Path]
BOTH = pytest.mark.parametrize("name", ["onnxruntime-cuda", "onnxruntime-tensorrt"])
GRAPHS = pytest.mark.parametrize("cuda_graph", [False, True])
IMAGES = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)


def prepare(name: str, path: Path, cache: Path, precision: str = "fp32", cuda_graph: bool = False) -> Session:
    backend = backends.get(name)
    availability = backend.availability()
    if not availability.usable:
        pytest.skip(f"{availability.why} {availability.what_to_do}")
    gpu = GpuSettings(cuda_graph=cuda_graph)
    if backend.builds_engines:
        backend.build(path, precision=precision, gpu=gpu, cache_dir=cache)
    return backend.prepare(path, precision=precision, batch=1, threads=1, gpu=gpu, cache_dir=cache)


def on_processor(path: Path, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    values: npt.NDArray[np.float32] = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(
        None, {"input": images}
    )[0]
    return values


def difference(values: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> float:
    return float(np.abs(values - expected).max() / np.abs(expected).max())


@pytest.fixture
def heavy(tmp_path: Path) -> Path:
    """Six convolutions, of 3.7 Gflop each except the first, which take longer than enqueueing them does."""
    numbers = np.random.default_rng(2)
    nodes, weights, last, channels = [], [], "input", 3
    for index in range(6):
        shape = (128, channels, 3, 3)
        values = (numbers.standard_normal(shape) / np.sqrt(9 * channels)).astype(np.float32)
        weights.append(onnx.numpy_helper.from_array(values, f"weights{index}"))
        output = "logits" if index == 5 else f"features{index}"
        nodes.append(helper.make_node("Conv", [last, f"weights{index}"], [output], pads=[1] * 4))
        last, channels = output, 128
    images = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 112, 112])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 128, 112, 112])
    graph = helper.make_graph(nodes, "heavy", [images], [logits], initializer=weights)
    path = tmp_path / "heavy.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def heavy_images() -> npt.NDArray[np.float32]:
    return np.random.default_rng(3).standard_normal((1, 3, 112, 112)).astype(np.float32)


@BOTH
@GRAPHS
def test_float32_is_that_of_the_processor(
    write_network: WriteNetwork, tmp_path: Path, name: str, cuda_graph: bool
) -> None:
    """Within float32's own precision; with TF32 the difference would be near 1e-3."""
    path = write_network()
    with prepare(name, path, tmp_path, cuda_graph=cuda_graph) as session:
        session.start(IMAGES)
        session.infer()
        assert session.precision_effective() == "fp32"
        assert difference(session.outputs()["logits"], on_processor(path, IMAGES)) < 1e-5


def test_float16_is_read_back_and_seen_in_the_values(write_network: WriteNetwork, tmp_path: Path) -> None:
    path = write_network(weight_type=TensorProto.FLOAT16)
    with prepare("onnxruntime-cuda", path, tmp_path, precision="fp16") as session:
        session.start(IMAGES)
        assert session.precision_effective() == "fp16"
        # The processor computes the same graph in float32, from operands rounded to float16.
        assert 1e-5 < difference(session.outputs()["logits"], on_processor(path, IMAGES)) < 1e-2


@BOTH
@GRAPHS
def test_events_hold_the_whole_computation_and_nothing_else(
    heavy: Path, tmp_path: Path, name: str, cuda_graph: bool
) -> None:
    """In a stream other than ours the times would be close to zero."""
    with prepare(name, heavy, tmp_path, cuda_graph=cuda_graph) as session:
        session.start(heavy_images())
        for _ in range(20):
            session.infer()
        latencies_ns = np.zeros(200, dtype=np.int64)
        begin_ns = time.perf_counter_ns()
        session.time_block(latencies_ns)
        wall_ns = time.perf_counter_ns() - begin_ns
        assert latencies_ns.sum() == pytest.approx(wall_ns, rel=0.1)


@BOTH
@GRAPHS
def test_the_host_does_not_wait_while_it_enqueues(heavy: Path, tmp_path: Path, name: str, cuda_graph: bool) -> None:
    with prepare(name, heavy, tmp_path, cuda_graph=cuda_graph) as session:
        session.start(heavy_images())
        latencies_ns = np.zeros(50, dtype=np.int64)
        session.time_block(latencies_ns)
        figures = session.gpu_figures()
        assert figures is not None
        assert figures.enqueue_median_ms is not None
        assert figures.enqueue_median_ms < 0.5 * float(np.median(latencies_ns)) / 1e6


def test_an_engine_is_loaded_not_built_again(heavy: Path, tmp_path: Path) -> None:
    with prepare("onnxruntime-tensorrt", heavy, tmp_path) as session:
        session.start(heavy_images())
        engines = list(tmp_path.rglob("*.engine"))
        assert len(engines) == 1
        assert difference(session.outputs()["logits"], on_processor(heavy, heavy_images())) < 1e-4
    backend = backends.get("onnxruntime-tensorrt")
    assert backend.build(heavy, precision="fp32", gpu=GpuSettings(), cache_dir=tmp_path).cached
