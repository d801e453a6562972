from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from harness.backends.tensorrt.backend import TensorRtBackend
from harness.backends.tensorrt.session import EngineLoadError, EngineRunError, TensorRtSession
from harness.errors import ArtifactError, FallbackError, HarnessError
from harness.machine.gpu.driver import CudaOutOfMemoryError
from harness.machine.gpu.settings import GpuSettings
from harness.machine.meter import CpuMeter
from harness.processes import trial_worker
from harness.processes.target import Target
from harness.processes.trial import TrialJob
from harness.timing.settings import TimingSettings
from tests.fakes.tensorrt import TensorRtScript
from tests.harness.conftest import small_model

IMAGES = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)


def prepare(
    path: Path, cache_dir: Path, precision: str = "fp32", settings: GpuSettings | None = None
) -> TensorRtSession:
    gpu, backend = settings or GpuSettings(), TensorRtBackend()
    backend.build(path, precision=precision, gpu=gpu, cache_dir=cache_dir)
    session = backend.prepare(path, precision=precision, batch=1, threads=1, gpu=gpu, cache_dir=cache_dir)
    assert isinstance(session, TensorRtSession)
    return session


def expected(path: Path) -> np.ndarray[Any, Any]:
    result: np.ndarray[Any, Any] = onnxruntime.InferenceSession(str(path)).run(None, {"input": IMAGES})[0]
    return result


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_session_runs_the_engine_on_its_input(
    script: TensorRtScript, write_model: Any, tmp_path: Path, precision: str
) -> None:
    path = write_model(precision=precision)
    with prepare(path, tmp_path, precision) as session:
        assert session.start(IMAGES) >= 0
        outputs = session.outputs()
        assert precision in session.precision_effective().split("+")
        assert (session.provider, session.latency_kind) == ("TensorRT", "gpu_compute")
    assert list(outputs) == ["logits"]
    np.testing.assert_allclose(outputs["logits"], expected(path), rtol=1e-6)
    assert script.driver.allocated_bytes > 0


def test_an_engine_with_a_plugin_loads_in_a_process_that_did_not_build_it(
    script: TensorRtScript, tmp_path: Path
) -> None:
    model = small_model()
    scale = onnx.helper.make_tensor("scale", onnx.TensorProto.FLOAT, [4], [1.0] * 4)
    model.graph.initializer.append(scale)
    norm = onnx.helper.make_node("InstanceNormalization", ["features", "scale", "scale"], ["normed"], name="norm")
    model.graph.node.insert(1, norm)
    model.graph.node[2].input[0] = "normed"
    path = tmp_path / "normed.onnx"
    onnx.save(model, path)
    TensorRtBackend().build(path, precision="fp32", gpu=GpuSettings(), cache_dir=tmp_path)
    script.plugins_registered = False
    with TensorRtBackend().prepare(path, precision="fp32", batch=1, threads=1, cache_dir=tmp_path) as session:
        session.start(IMAGES)
        np.testing.assert_allclose(session.outputs()["logits"], expected(path), rtol=1e-5)


def test_an_output_whose_shape_is_computed_is_refused(script: TensorRtScript, tmp_path: Path) -> None:
    model = small_model()
    kept = onnx.helper.make_tensor("kept", onnx.TensorProto.BOOL, [5], [1, 0, 1, 0, 1])
    model.graph.initializer.append(kept)
    model.graph.node.append(onnx.helper.make_node("Compress", ["logits", "kept"], ["chosen"], name="choose", axis=1))
    model.graph.output.append(onnx.helper.make_tensor_value_info("chosen", onnx.TensorProto.FLOAT, [1, "found"]))
    path = tmp_path / "computed.onnx"
    onnx.save(model, path)
    backend = TensorRtBackend()
    backend.build(path, precision="fp32", gpu=GpuSettings(), cache_dir=tmp_path)
    with pytest.raises(ArtifactError, match=r"'chosen' has the shape \[1, -1\]"):
        backend.prepare(path, precision="fp32", batch=1, threads=1, cache_dir=tmp_path)


def test_outputs_are_copies(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    with prepare(write_model(), tmp_path) as session:
        session.start(IMAGES)
        first = session.outputs()["logits"]
        kept = first.copy()
        session.start(2 * IMAGES)
        second = session.outputs()["logits"]
    np.testing.assert_array_equal(first, kept)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("cuda_graph", [False, True])
def test_a_started_session_runs_on_other_images_in_the_same_memory(
    script: TensorRtScript, write_model: Any, tmp_path: Path, cuda_graph: bool
) -> None:
    path = write_model()
    plain = onnxruntime.InferenceSession(str(path))
    with prepare(path, tmp_path, settings=GpuSettings(cuda_graph=cuda_graph)) as session:
        session.start(IMAGES)
        taken = script.driver.allocated_bytes
        for scale in (2, -3, 1):
            (outputs,) = session.run(scale * IMAGES).values()
            np.testing.assert_allclose(outputs, plain.run(None, {"input": scale * IMAGES})[0], rtol=1e-6)
        assert script.driver.allocated_bytes == taken


@pytest.mark.parametrize("cuda_graph", [False, True])
def test_blocks_hold_the_device_times(
    script: TensorRtScript, write_model: Any, tmp_path: Path, cuda_graph: bool
) -> None:
    durations_ns = [250_000.0 + 1_000 * (number % 7) for number in range(1000)]
    script.driver.kernel_ns = lambda number: durations_ns[number]
    with prepare(write_model(), tmp_path, settings=GpuSettings(cuda_graph=cuda_graph)) as session:
        session.start(IMAGES)
        before = script.driver.kernels_count
        latencies_ns = np.zeros(20, dtype=np.int64)
        session.time_block(latencies_ns)
    counted = script.driver.calls.count("capture")
    assert counted == (1 if cuda_graph else 0)
    # The first inference finds an idle GPU, so its time includes that of enqueueing it.
    assert latencies_ns[0] > durations_ns[before]
    np.testing.assert_allclose(latencies_ns[1:], durations_ns[before + 1 : before + 20], atol=100)


def test_the_timed_context_emits_no_annotations(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    with prepare(write_model(), tmp_path) as session:
        assert session._context.nvtx_verbosity.name == "NONE"


def test_gpu_figures_include_the_engine(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    settings = GpuSettings(queue_depth=3, wait="spin")
    with prepare(write_model(), tmp_path, settings=settings) as session:
        session.start(IMAGES)
        session.time_block(np.zeros(5, dtype=np.int64))
        figures = session.gpu_figures()
        sidecar = session._stored.sidecar
    assert figures.engine_sha256 == sidecar.sha256
    assert figures.engine_build_s == sidecar.build_s
    assert figures.engine_mib == pytest.approx(sidecar.size_bytes / 2**20)
    assert figures.memory_mib == pytest.approx(figures.engine_mib + 3)
    assert (figures.queue_depth, figures.wait, figures.cuda_graph) == (3, "spin", False)
    assert figures.latency_host_median_ms is not None


def test_layer_times_are_medians_in_order_of_execution(
    script: TensorRtScript, write_model: Any, tmp_path: Path
) -> None:
    times_ms = [[9.0, 1.0, 5.0, 2.0], [9.0, 3.0, 3.0, 4.0]]
    script.layer_ms = lambda layer, inference: times_ms[min(layer, 1)][inference]
    with prepare(write_model(precision="fp16"), tmp_path, "fp16") as session:
        session.start(IMAGES)
        layers = session.layer_times(3)
        assert session._context.profiler is None
    assert [layer.position for layer in layers] == list(range(len(layers)))
    assert layers[0].time_ms == 2.0
    assert {layer.time_ms for layer in layers[1:]} == {3.0}
    convolution = next(layer for layer in layers if layer.kind == "CaskConvolution")
    assert convolution.precision == "fp16"
    assert script.contexts == 2


def test_closing_frees_the_engine_before_the_device(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    session = prepare(write_model(), tmp_path)
    session.start(IMAGES)
    session.close()
    assert session._context is None
    assert session._engine is None
    assert script.driver.calls[-2:] == ["synchronise", "close"]


def test_an_inference_that_fails_says_what_tensorrt_said(
    script: TensorRtScript, write_model: Any, tmp_path: Path
) -> None:
    with prepare(write_model(), tmp_path) as session:
        script.fails_at = 0
        with pytest.raises(EngineRunError, match=r"could not run .*illegal memory access"):
            session.start(IMAGES)


def test_too_little_memory_for_the_context_is_out_of_memory(
    script: TensorRtScript, write_model: Any, tmp_path: Path
) -> None:
    script.no_room_for_context = True
    with pytest.raises(CudaOutOfMemoryError, match=r"out of memory.*smaller batch"):
        prepare(write_model(), tmp_path)
    assert script.driver.calls[-1] == "close"


def test_an_engine_that_tensorrt_refuses_is_removed(
    script: TensorRtScript, write_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, backend = write_model(), TensorRtBackend()
    built = backend.build(path, precision="fp32", gpu=GpuSettings(), cache_dir=tmp_path)
    plan = built.path.read_bytes()
    broken = plan.replace(script.version.encode(), b"7.0.0.1")
    rewrite(built.path, broken)
    with pytest.raises(EngineLoadError, match=r"cannot load.*Version tag does not match"):
        backend.prepare(path, precision="fp32", batch=1, threads=1, cache_dir=tmp_path)
    assert not built.path.exists()
    assert not backend.build(path, precision="fp32", gpu=GpuSettings(), cache_dir=tmp_path).cached


def rewrite(path: Path, content: bytes) -> None:
    """Replaces an engine together with its digest, as only a test would."""
    import hashlib
    import json

    path.write_bytes(content)
    sidecar_path = path.with_name("engine.json")
    sidecar = json.loads(sidecar_path.read_text())
    sidecar["sha256"] = hashlib.sha256(content).hexdigest()
    sidecar_path.write_text(json.dumps(sidecar))


def test_an_engine_that_was_not_built_is_requested(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no fp32 engine of .*Build it first"):
        TensorRtBackend().prepare(write_model(), precision="fp32", batch=1, threads=1, cache_dir=tmp_path)


def test_an_engine_whose_precision_differs_from_its_sidecar_is_detected(
    script: TensorRtScript, write_model: Any, tmp_path: Path
) -> None:
    path = write_model(precision="fp16")
    with prepare(path, tmp_path, "fp16") as session:
        plan = session._engine._plan
        layers = tuple((operator, name, "FLOAT") for operator, name, _ in plan.layers)
        object.__setattr__(plan, "layers", layers)
        with pytest.raises(FallbackError, match=r"fp16 was requested, but the engine .* computes in fp32"):
            session.start(IMAGES)


@pytest.mark.parametrize(
    ("what", "message"),
    [({"shape": (2, 3, 8, 8)}, "batch 1 was requested")],
)
def test_unfit_networks_are_refused_and_closed(
    script: TensorRtScript, write_model: Any, tmp_path: Path, what: dict[str, Any], message: str
) -> None:
    with pytest.raises(HarnessError, match=message):
        prepare(write_model(**what), tmp_path, "fp32")
    assert script.driver.calls[-1] == "close"


def test_inputs_of_other_types_are_bound_as_they_are(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    with prepare(write_model(input_type=10, precision="fp16"), tmp_path, "fp16") as session:
        assert session.input.dtype == "float16"
        session.start(IMAGES.astype(np.float16))
        assert session.outputs()


def test_a_whole_trial(
    script: TensorRtScript, write_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sessions on one device, as the worker makes them; only the meter, which needs NVML, is the processor's."""
    monkeypatch.setattr(trial_worker, "open_meter", lambda _gpu: CpuMeter())
    paths = {"fp16": write_model(precision="fp16"), "fp32": write_model("reference.onnx")}
    for precision, path in paths.items():
        TensorRtBackend().build(path, precision=precision, gpu=GpuSettings(), cache_dir=tmp_path)
    timing = TimingSettings(warmup_s=0.0, block_ms=1.0, settle_ms=0.0, foreign_cpu_limit=1000.0)
    first, second = (
        Target(str(path), "", "tensorrt", precision, batch=1, threads=1, cache_dir=str(tmp_path))
        for precision, path in paths.items()
    )
    result = trial_worker.measure_job(TrialJob(first, second, timing, seed=1))
    assert (result.status, result.latency_kind, result.provider) == ("ok", "gpu_compute", "TensorRT")
    assert result.runtime == f"tensorrt {script.version}"
    assert result.latency_median_ms == pytest.approx(0.5, rel=0.05)
    assert result.gpu is not None
    assert result.gpu.engine_sha256
