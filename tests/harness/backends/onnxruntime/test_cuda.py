from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto

from harness import backends
from harness.backends.onnxruntime import gpu as gpu_module
from harness.backends.onnxruntime import libraries
from harness.backends.onnxruntime.cuda import OnnxRuntimeCudaBackend
from harness.backends.session import Session
from harness.errors import ArtifactError, CudaOutOfMemoryError, FallbackError, NoGpuError, UnsupportedError
from harness.machine.gpu.devices import CudaDevice
from harness.machine.gpu.settings import GpuSettings
from harness.processes.child import failure
from tests.fakes.onnxruntime import CPU, CUDA, NO_DEVICE, OLD_DRIVER, FakeBinding, FakeSession, Script

WriteNetwork = Callable[..., Path]
IMAGES = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)
GRAPH = GpuSettings(cuda_graph=True)


def prepare(path: Path, precision: str = "fp32", gpu: GpuSettings | None = None) -> Session:
    return OnnxRuntimeCudaBackend().prepare(path, precision=precision, batch=1, threads=1, gpu=gpu or GpuSettings())


def on_processor(path: Path) -> np.ndarray:
    return onnxruntime.InferenceSession(str(path)).run(None, {"input": IMAGES})[0]


@pytest.mark.parametrize("name", ["get_inputs", "get_outputs", "get_providers", "get_provider_options", "io_binding"])
def test_the_fake_session_has_real_methods(name: str) -> None:
    assert hasattr(onnxruntime.InferenceSession, name)


@pytest.mark.parametrize(
    ("fake", "real", "names"),
    [
        (FakeBinding, onnxruntime.IOBinding, ["bind_input", "bind_output"]),
        (FakeSession, onnxruntime.InferenceSession, ["run_with_iobinding", "end_profiling"]),
    ],
)
def test_the_fake_takes_what_the_real_one_takes(fake: type, real: type, names: list[str]) -> None:
    for name in names:
        taken, real_ones = (inspect.signature(getattr(kind, name)).parameters for kind in (fake, real))
        assert list(taken) == list(real_ones)


def test_the_real_binding_takes_addresses_as_the_backend_gives_them(write_network: WriteNetwork) -> None:
    path = write_network()
    session = onnxruntime.InferenceSession(str(path), providers=[CPU])
    outputs = np.zeros((1, 4, 8, 8), np.float32)
    binding = session.io_binding()
    binding.bind_input("input", "cpu", 0, IMAGES.dtype.type, IMAGES.shape, IMAGES.ctypes.data)
    binding.bind_output("logits", "cpu", 0, outputs.dtype.type, outputs.shape, outputs.ctypes.data)
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("disable_synchronize_execution_providers", "1")
    session.run_with_iobinding(binding, options)
    np.testing.assert_array_equal(outputs, on_processor(path))


def test_importing_the_backends_imports_no_runtime() -> None:
    code = (
        "import sys, harness.backends as b; b.get('onnxruntime-cuda'); b.get('onnxruntime-tensorrt'); "
        "print([name for name in ('onnxruntime', 'tensorrt', 'cuda') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_it_is_registered() -> None:
    assert isinstance(backends.get("onnxruntime-cuda"), OnnxRuntimeCudaBackend)


def test_a_session_computes_in_device_memory(machine: Script, write_network: WriteNetwork) -> None:
    path = write_network()
    with prepare(path) as session:
        session.start(IMAGES)
        session.infer()
        outputs = session.outputs()
    assert list(outputs) == ["logits"]
    np.testing.assert_array_equal(outputs["logits"], on_processor(path))


@pytest.mark.parametrize("gpu", [GpuSettings(), GRAPH])
def test_a_started_session_runs_on_other_images_in_the_same_memory(
    machine: Script, write_network: WriteNetwork, gpu: GpuSettings
) -> None:
    path = write_network()
    plain = onnxruntime.InferenceSession(str(path))
    with prepare(path, gpu=gpu) as session:
        session.start(IMAGES)
        taken = machine.drivers[-1].allocated_bytes
        for scale in (2, -3, 1):
            (outputs,) = session.run(scale * IMAGES).values()
            np.testing.assert_array_equal(outputs, plain.run(None, {"input": scale * IMAGES})[0])
        assert machine.drivers[-1].allocated_bytes == taken


def test_a_session_describes_itself(machine: Script, write_network: WriteNetwork) -> None:
    with prepare(write_network()) as session:
        session.start(IMAGES)
        assert session.provider == CUDA
        assert session.latency_kind == "gpu_compute"
        assert session.precision_effective() == "fp32"
    assert OnnxRuntimeCudaBackend().on_gpu
    assert OnnxRuntimeCudaBackend().runtime() == "onnxruntime 1.31.1, cuDNN 9.24.0"


def test_the_options_name_the_device_our_stream_and_no_tf32(machine: Script, write_network: WriteNetwork) -> None:
    with prepare(write_network(), gpu=GpuSettings(device=3)):
        (session,) = machine.sessions
        assert machine.drivers[-1].device == 3
        assert session.own_options == {
            "device_id": "3",
            "cudnn_conv_algo_search": "EXHAUSTIVE",
            "use_tf32": "0",
            "user_compute_stream": str(session.stream),
        }


def test_a_block_holds_the_times_between_events(machine: Script, write_network: WriteNetwork) -> None:
    with prepare(write_network()) as session:
        session.start(IMAGES)
        driver = machine.drivers[-1]
        driver.kernel_ns = 300_000.0
        latencies_ns = np.zeros(5, dtype=np.int64)
        before = driver.calls.count("synchronise")
        session.time_block(latencies_ns)
        # The time of the kernel alone, except for the first, which finds an idle GPU: the runtime did not wait.
        assert latencies_ns.tolist() == [310_000, *[300_000] * 4]
        assert driver.calls.count("synchronise") == before


def test_the_figures_are_those_of_the_timer(machine: Script, write_network: WriteNetwork) -> None:
    with prepare(write_network()) as session:
        session.start(IMAGES)
        session.time_block(np.zeros(5, dtype=np.int64))
        machine.drivers[-1].bandwidth_gb_s = 0.01
        figures = session.gpu_figures()
        assert figures is not None
        # 768 bytes in and 1024 out at 10 MB/s.
        assert figures.input_copy_median_ms == pytest.approx(768 / 1e4, rel=0.05)
        assert figures.output_copy_median_ms == pytest.approx(1024 / 1e4, rel=0.05)
        assert figures.cuda_graph is False
        assert figures.engine_sha256 is None


def test_a_graph_is_captured_and_its_outputs_are_checked(machine: Script, write_network: WriteNetwork) -> None:
    path = write_network()
    with prepare(path, gpu=GRAPH) as session:
        session.start(IMAGES)
        driver = machine.drivers[-1]
        # The runtime also allocates in its second run, so two runs precede the capture.
        assert driver.calls[: driver.calls.index("capture")].count("kernel") == 2
        session.time_block(np.zeros(4, dtype=np.int64))
        session.infer()
        assert driver.calls.count("kernel") == 3
        assert machine.sessions[0].captured_runs == 1
        np.testing.assert_array_equal(session.outputs()["logits"], on_processor(path))
        figures = session.gpu_figures()
        assert figures is not None
        assert figures.cuda_graph is True


@pytest.mark.parametrize("error", [1.0, float("nan")])
def test_a_graph_that_computes_something_else_is_an_error(
    machine: Script, write_network: WriteNetwork, error: float
) -> None:
    machine.graph_error = error
    with (
        prepare(write_network(), gpu=GRAPH) as session,
        pytest.raises(FallbackError, match=r"a different 'logits' with a CUDA graph"),
    ):
        session.start(IMAGES)


def test_a_graph_that_computes_nothing_is_an_error(
    machine: Script, write_network: WriteNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    with prepare(write_network(), gpu=GRAPH) as session:
        monkeypatch.setattr(machine.drivers[-1], "launch", lambda graph, stream: None)
        with pytest.raises(FallbackError, match="with a CUDA graph than without"):
            session.start(IMAGES)


@pytest.mark.parametrize("tells_plan", [True, False])
def test_a_node_on_the_processor_is_an_error(machine: Script, write_network: WriteNetwork, tells_plan: bool) -> None:
    machine.on_processor = ("Relu",)
    machine.tells_plan = tells_plan
    with (
        prepare(write_network()) as session,
        pytest.raises(FallbackError, match=r"1 of \d nodes are not on CUDAEx.*: Relu 'activation' on CPUEx"),
    ):
        session.start(IMAGES)


def test_float16_is_read_back_from_the_nodes_that_ran(machine: Script, write_network: WriteNetwork) -> None:
    path = write_network(weight_type=TensorProto.FLOAT16)
    with prepare(path, precision="fp16") as session:
        session.start(IMAGES)
        assert session.precision_effective() == "fp16"
    # The second session, which was profiled, had the same options but its own stream.
    first, second = (made.own_options for made in machine.sessions)
    assert second == {name: value for name, value in first.items() if name != "user_compute_stream"}


def test_a_float32_network_is_not_reported_as_float16(machine: Script, write_network: WriteNetwork) -> None:
    with prepare(write_network(), precision="fp16") as session, pytest.raises(FallbackError, match="computed in fp32"):
        session.start(IMAGES)


def test_int8_is_refused_as_there_are_no_kernels(machine: Script, write_network: WriteNetwork) -> None:
    with pytest.raises(UnsupportedError, match="does not support precision int8; it supports fp32, fp16"):
        prepare(write_network(), precision="int8")


def test_missing_libraries_that_the_runtime_ignores_are_an_error(machine: Script, write_network: WriteNetwork) -> None:
    """The runtime then creates the session on the processor, although fall-back is off."""
    machine.libraries_missing = True
    with pytest.raises(FallbackError, match="was requested, but the session has CPUExecutionProvider"):
        prepare(write_network())
    assert machine.drivers[-1].closed


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        (OLD_DRIVER, "driver is too old.*CUDA failure 35"),
        (NO_DEVICE, "finds no GPU.*no CUDA-capable device"),
        ("Invalid device ID: 4, must be between 0 (inclusive) and 1 (exclusive).", "another --device"),
        ("CUDA failure 209: no kernel image is available for execution on the device", "no kernels for this GPU"),
    ],
)
def test_the_runtimes_messages_about_the_gpu_are_explained(
    machine: Script, write_network: WriteNetwork, message: str, meaning: str
) -> None:
    machine.creation_error = RuntimeError(message)
    with pytest.raises(UnsupportedError, match=meaning):
        prepare(write_network())
    assert machine.drivers[-1].closed


def test_a_version_that_lacks_an_option_is_reported_as_too_old(machine: Script, write_network: WriteNetwork) -> None:
    machine.knows_use_tf32 = False
    with pytest.raises(UnsupportedError, match=r'too old\. Upgrade it.*Unknown provider option: "use_tf32"'):
        prepare(write_network())


def test_a_truncated_file_is_still_reported_as_truncated(machine: Script, write_network: WriteNetwork) -> None:
    path = write_network()
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ArtifactError, match="may be truncated"):
        prepare(path)


def test_an_output_of_dynamic_shape_has_no_memory(
    machine: Script, write_network: WriteNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    with prepare(write_network()) as session:
        (fake,) = machine.sessions
        output = fake.get_outputs()[0]
        dynamic = type("NodeArg", (), {"name": output.name, "shape": ["N", 4, 8, 8], "type": output.type})
        monkeypatch.setattr(fake, "get_outputs", lambda: [dynamic])
        with pytest.raises(ArtifactError, match=r"output 'logits' has the dynamic shape \['N', 4, 8, 8\]"):
            session.start(IMAGES)


@pytest.mark.parametrize(
    "error",
    [
        CudaOutOfMemoryError("cuMemAlloc failed with CUDA_ERROR_OUT_OF_MEMORY (2): out of memory."),
        RuntimeError(
            "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running Conv node. "
            "bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*, "
            "bool, onnxruntime::WaitNotificationFn) Failed to allocate memory for requested buffer of size 8388608000"
        ),
        RuntimeError("CUDA failure 2: out of memory ; GPU=0 ; hostname=vm ; expr=cudaMalloc((void**)&p, size);"),
    ],
)
def test_a_device_without_memory_is_recognised(machine: Script, write_network: WriteNetwork, error: Exception) -> None:
    machine.creation_error = error
    with pytest.raises(type(error)) as caught:
        prepare(write_network())
    assert failure(caught.value).status == "out_of_memory"


def test_closing_frees_the_device(machine: Script, write_network: WriteNetwork) -> None:
    with prepare(write_network()) as session:
        session.start(IMAGES)
        assert not machine.drivers[-1].closed
    assert machine.drivers[-1].closed


def test_it_is_usable_if_nothing_is_missing(machine: Script) -> None:
    availability = OnnxRuntimeCudaBackend().availability()
    assert availability.usable
    assert availability.why == "onnxruntime 1.31.1, cuDNN 9.24.0 on NVIDIA Fake H200."
    assert not machine.drivers, "no context was made for it"


def test_the_build_for_processors_has_to_be_replaced(machine: Script) -> None:
    machine.providers = (CPU,)
    availability = OnnxRuntimeCudaBackend().availability()
    assert not availability.usable
    assert availability.why == "onnxruntime 1.31.1 has no CUDAExecutionProvider: it is not the GPU build."
    assert "pip uninstall -y onnxruntime onnxruntime-gpu; pip install 'onnxruntime-gpu" in availability.what_to_do


def test_a_runtime_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    availability = OnnxRuntimeCudaBackend().availability()
    assert not availability.usable
    assert "onnxruntime-gpu" in availability.what_to_do


def test_a_missing_driver_is_explained(machine: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> list[CudaDevice]:
        raise NoGpuError("No GPU can be used: libcuda.so.1 was not found.")

    monkeypatch.setattr(gpu_module, "cuda_devices", none)
    availability = OnnxRuntimeCudaBackend().availability()
    assert not availability.usable
    assert "libcuda.so.1 was not found" in availability.why
    assert "--backend onnxruntime" in availability.what_to_do


def test_a_driver_that_sees_no_gpu_is_explained(machine: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_module, "cuda_devices", list)
    availability = OnnxRuntimeCudaBackend().availability()
    assert not availability.usable
    assert availability.why == "CUDA sees no GPU."
    assert "CUDA_VISIBLE_DEVICES" in availability.what_to_do


def test_missing_libraries_are_named(
    machine: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def missing(names: list[str]) -> list[str]:
        asked.extend(names)
        return ["libcublasLt.so.13", "libcudnn.so.9"]

    monkeypatch.setattr(libraries, "missing", missing)
    availability = OnnxRuntimeCudaBackend().availability()
    assert availability.why == "CUDAExecutionProvider needs libcublasLt.so.13, libcudnn.so.9, which cannot be loaded."
    assert "pip install 'onnxruntime-gpu[cuda,cudnn]'" in availability.what_to_do
    assert "CUDA 13 and cuDNN 9" in availability.what_to_do
    assert "libcudnn.so.9" in asked, "newer libraries open cuDNN without naming it"
    assert capsys.readouterr().out == ""


def test_the_environment_is_left_alone(machine: Script, write_network: WriteNetwork) -> None:
    with prepare(write_network()):
        assert os.environ["NVIDIA_TF32_OVERRIDE"] == "1"
