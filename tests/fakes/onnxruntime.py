"""The surface of onnxruntime-gpu on a scripted GPU.

Networks are computed by the real onnxruntime on the processor, from and to the memory of a `FakeCudaDriver`, so
that values are real; placement, options, caches and messages are scripted as onnxruntime-gpu 1.31.1 has them. Where
a message is given in full, that version printed it: on a machine without CUDA's libraries, with them but with
an old driver, or with a driver that has no device. Names that the real module lacks do not exist here either.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import onnxruntime as real

from tests.fakes.cuda import FakeCudaDriver

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"

# The libraries that its providers name, except the system's.
CUDA_LIBRARIES = ["libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10", "libcudart.so.13", "libcuda.so.1"]
TENSORRT_LIBRARIES = [
    "libcublas.so.13",
    "libnvinfer.so.10",
    "libnvonnxparser.so.10",
    "libcudart.so.13",
    "libcudnn.so.9",
]

# The relevant options that its libraries know, and for those of TensorRT whether they are switches.
_CUDA_OPTIONS = {
    *("device_id", "user_compute_stream", "cudnn_conv_algo_search", "use_tf32", "gpu_mem_limit"),
    *("arena_extend_strategy", "cudnn_conv_use_max_workspace", "do_copy_in_default_stream"),
    *("enable_cuda_graph", "prefer_nhwc"),
}
_TENSORRT_OPTIONS = {
    **dict.fromkeys(("device_id", "user_compute_stream", "trt_engine_cache_path", "trt_timing_cache_path"), False),
    **dict.fromkeys(("trt_max_workspace_size", "trt_min_subgraph_size"), False),
    **dict.fromkeys(("trt_fp16_enable", "trt_bf16_enable", "trt_int8_enable", "trt_cuda_graph_enable"), True),
    **dict.fromkeys(("trt_engine_cache_enable", "trt_timing_cache_enable"), True),
}

OLD_DRIVER = (
    "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider_info.cc:63 static "
    "onnxruntime::CUDAExecutionProviderInfo onnxruntime::CUDAExecutionProviderInfo::FromProviderOptions(const "
    "onnxruntime::ProviderOptions&) [ONNXRuntimeError] : 1 : FAIL : provider_options_utils.h:187 Parse Failed to parse "
    'provider option "device_id": CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; '
    "GPU=-1 ; hostname=vm ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider_info.cc ; "
    "line=70 ; expr=cudaGetDeviceCount(&num_devices); \n"
)
NO_DEVICE = OLD_DRIVER.replace(
    "35: CUDA driver version is insufficient for CUDA runtime version", "100: no CUDA-capable device is detected"
)
NO_TENSORRT = (
    "/onnxruntime_src/onnxruntime/python/onnxruntime_pybind_state.cc:729 void "
    "onnxruntime::python::RegisterTensorRTPluginsAsCustomOps(PySessionOptions&, const onnxruntime::ProviderOptions&) "
    "Please install TensorRT libraries as mentioned in the GPU requirements page, make sure they're in the PATH or "
    "LD_LIBRARY_PATH, and that your GPU is supported.\n"
)
_UNKNOWN_OPTION = (
    "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider_info.cc:63 static "
    "onnxruntime::CUDAExecutionProviderInfo onnxruntime::CUDAExecutionProviderInfo::FromProviderOptions(const "
    "onnxruntime::ProviderOptions&) [ONNXRuntimeError] : 1 : FAIL : provider_options_utils.h:182 Parse Unknown "
    'provider option: "{}".\n'
)


@dataclasses.dataclass
class Script:
    """What a test makes the fake do; the defaults describe a machine without problems."""

    drivers: list[FakeCudaDriver]
    """The drivers opened so far; a session runs on the newest."""
    providers: tuple[str, ...] = (TENSORRT, CUDA, CPU)
    libraries_missing: bool = False
    creation_error: Exception | None = None
    on_processor: tuple[str, ...] = ()
    """Operators that are placed on the processor."""
    tells_plan: bool = True
    flags_from_environment: tuple[str, ...] = ()
    """TensorRT's precision flags that are on regardless of the request."""
    engines_per_network: int = 1
    knows_use_tf32: bool = True
    graph_error: float = 0.0
    """Added to the results of a captured run."""
    sessions: list[FakeSession] = dataclasses.field(default_factory=list)


class FakeBinding:
    """The part of `onnxruntime.IOBinding` for inputs and outputs at addresses."""

    def __init__(self, session: FakeSession) -> None:
        self.session = session
        self.inputs: dict[str, tuple[int, tuple[int, ...], Any]] = {}
        self.outputs: dict[str, tuple[int, tuple[int, ...], Any]] = {}

    def bind_input(
        self, name: str, device_type: str, device_id: int, element_type: Any, shape: Any, buffer_ptr: int
    ) -> None:
        self._check(device_type, device_id)
        self.inputs[name] = (buffer_ptr, tuple(shape), element_type)

    def bind_output(
        self,
        name: str,
        device_type: str = "cpu",
        device_id: int = 0,
        element_type: Any = None,
        shape: Any = None,
        buffer_ptr: int | None = None,
    ) -> None:
        self._check(device_type, device_id)
        assert buffer_ptr is not None, "an output without fixed memory cannot be captured"
        self.outputs[name] = (buffer_ptr, tuple(shape), element_type)

    def _check(self, device_type: str, device_id: int) -> None:
        assert (device_type, str(device_id)) == ("cuda", self.session.own_options["device_id"])


class FakeSession:
    """The part of `onnxruntime.InferenceSession` that is used, with one GPU provider."""

    def __init__(
        self,
        script: Script,
        path_or_bytes: str,
        sess_options: real.SessionOptions,
        providers: list[tuple[str, dict[str, str]]],
        enable_fallback: bool,
    ) -> None:
        assert not enable_fallback
        ((self.provider, self.own_options),) = providers
        self.script = script
        self.driver = script.drivers[-1]
        self.captured_runs = 0
        self._path = Path(path_or_bytes)
        self._profile = Path(sess_options.profile_file_prefix + ".json") if sess_options.enable_profiling else None
        if script.creation_error:
            raise script.creation_error
        plain = real.SessionOptions()
        plain.log_severity_level = 4
        plain.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        self._real = real.InferenceSession(path_or_bytes, plain, providers=[CPU])
        check_options(self.provider, self.own_options, script)
        self.stream = int(self.own_options.get("user_compute_stream", "0"))
        if self.stream:
            self.driver.synchronise(self.stream)  # A stream that this driver did not create is an error.
        if self.provider == TENSORRT:
            self._load_or_build()
        script.sessions.append(self)

    def get_inputs(self) -> list[Any]:
        return self._real.get_inputs()

    def get_outputs(self) -> list[Any]:
        return self._real.get_outputs()

    def get_modelmeta(self) -> Any:
        return self._real.get_modelmeta()

    def get_providers(self) -> list[str]:
        return [CPU] if self.script.libraries_missing else [self.provider, CPU]

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        told = {name: {"True": "1", "False": "0"}.get(value, value) for name, value in self.own_options.items()}
        told.update(dict.fromkeys(self.script.flags_from_environment, "1"))
        return {self.provider: told, CPU: {}}

    def __getattr__(self, name: str) -> Any:
        # Versions before 1.24 have no such method.
        if name == "get_provider_graph_assignment_info" and self.script.tells_plan:
            return self._plan
        raise AttributeError(name)

    def _plan(self) -> list[Any]:
        nodes = onnx.load(self._path).graph.node
        placed: dict[str, list[Any]] = {}
        for node in nodes:
            told = SimpleNamespace(name=node.name, op_type=node.op_type, domain=node.domain)
            placed.setdefault(self._place(node.op_type), []).append(told)
        return [SimpleNamespace(ep_name=name, get_nodes=lambda found=found: found) for name, found in placed.items()]

    def io_binding(self) -> FakeBinding:
        return FakeBinding(self)

    def run_with_iobinding(self, iobinding: FakeBinding, run_options: real.RunOptions | None = None) -> None:
        capturing = bool(self.driver._capturing)
        self.captured_runs += capturing

        def compute() -> None:
            feed = {name: self.driver.read(*where) for name, where in iobinding.inputs.items()}
            values = self._real.run(list(iobinding.outputs), feed)
            for where, value in zip(iobinding.outputs.values(), values, strict=True):
                self.driver.read(*where)[...] = value + (self.script.graph_error if capturing else 0.0)

        self.driver.kernel(self.stream, compute)
        if not _without_waiting(run_options):
            self.driver.synchronise(self.stream)

    def run(self, output_names: list[str] | None, input_feed: dict[str, Any]) -> list[Any]:
        return self._real.run(output_names, input_feed)

    def end_profiling(self) -> str:
        """The nodes of the graph in the order of the file, in the form of a report."""
        assert self._profile is not None
        model = onnx.shape_inference.infer_shapes(onnx.load(self._path))
        values = [*model.graph.input, *model.graph.value_info, *model.graph.output]
        types = {value.name: value.type.tensor_type.elem_type for value in values}
        words = {onnx.TensorProto.FLOAT: "float", onnx.TensorProto.FLOAT16: "float16"}
        events = [
            {
                "cat": "Node",
                "name": f"{node.name}_kernel_time",
                "args": {
                    "op_name": node.op_type,
                    "provider": self._place(node.op_type),
                    "input_type_shape": [{words[types[name]]: []} for name in node.input if name in types],
                },
            }
            for node in model.graph.node
        ]
        self._profile.write_text(json.dumps(events))
        return str(self._profile)

    def _place(self, operator: str) -> str:
        return CPU if operator in self.script.on_processor else self.provider

    def _load_or_build(self) -> None:
        if self.own_options.get("trt_engine_cache_enable") != "True":
            return
        folder = Path(self.own_options["trt_engine_cache_path"])
        # Like the real name, it says nothing about the weights.
        name = hashlib.sha256(self._path.name.encode()).hexdigest()[:19]
        for index in range(self.script.engines_per_network):
            engine = folder / f"TensorrtExecutionProvider_TRTKernel_graph_tiny_{name}_{index}_{index}_sm90.engine"
            if not engine.exists():
                engine.write_bytes(b"engine of " + self._path.read_bytes())
            elif not engine.read_bytes().startswith(b"engine of "):
                raise real.capi.onnxruntime_pybind11_state.EPFail(
                    f"[ONNXRuntimeError] : 11 : EP_FAIL : TensorRT EP could not deserialize engine from cache: {engine}"
                )
        if self.own_options.get("trt_timing_cache_enable") == "True":
            timings = Path(self.own_options["trt_timing_cache_path"], "TensorrtExecutionProvider_cache_sm90.timing")
            timings.write_bytes((timings.read_bytes() if timings.exists() else b"") + b".")


def check_options(provider: str, options: dict[str, str], script: Script) -> None:
    """Raises the real provider's error for an option or a value that it does not know."""
    assert all(isinstance(value, str) for value in options.values())
    for name, value in options.items():
        if provider == CUDA and (name not in _CUDA_OPTIONS or (name == "use_tf32" and not script.knows_use_tf32)):
            raise RuntimeError(_UNKNOWN_OPTION.format(name))
        if provider == TENSORRT and name not in _TENSORRT_OPTIONS:
            raise ValueError(f"Invalid TensorRT EP option: {name}")
        if provider == TENSORRT and _TENSORRT_OPTIONS[name] and value not in ("True", "true", "False", "false"):
            raise ValueError(
                f"[ERROR] [TensorRT] The value for the key '{name}' should be 'True' or 'False'. "
                "Default value is 'False'."
            )


class FakeOnnxRuntime:
    """The module; everything not scripted is the real one's, and what the real one lacks raises AttributeError."""

    __version__ = "1.31.1"

    def __init__(self, script: Script) -> None:
        self._script = script

    def __getattr__(self, name: str) -> Any:
        return functools.partial(FakeSession, self._script) if name == "InferenceSession" else getattr(real, name)

    def get_available_providers(self) -> list[str]:
        return list(self._script.providers)

    def preload_dlls(self) -> None:
        print("Failed to load libcublasLt.so.13: what nobody should see")


def _without_waiting(options: real.RunOptions | None) -> bool:
    if options is None:
        return False
    try:
        return bool(options.get_run_config_entry("disable_synchronize_execution_providers") == "1")
    except RuntimeError:  # There is no such entry.
        return False
