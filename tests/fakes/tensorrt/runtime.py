"""Execution: the runtime, engines, their contexts, and the inspector."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from tests.fakes.tensorrt.just_in_time import compile_kernels, create_runtime_config
from tests.fakes.tensorrt.loggers import CUDA_ERROR, log_error
from tests.fakes.tensorrt.network import _DTYPES
from tests.fakes.tensorrt.plan import HEADER_BYTES, PLUGINS, Header, Plan
from tests.fakes.tensorrt.script import TensorRtScript
from tests.fakes.tensorrt.surface import Behaviour, instance_of

_CONTEXT_BYTES = 3 << 20

_NO_MAGIC_BEFORE = "Error Code 1: Serialization (Serialization assertion magicTagRead == kMAGIC_TAG failed.)"
_NO_MAGIC = (
    "Error Code 1: Serialization (Serialization assertion header.magicTag == kEXPECTED_MAGIC_TAG failed.Trying to load "
    "an engine created with incompatible serialization version. Check that the engine was not created using safety "
    "runtime, same OS was used and version compatibility parameters were set accordingly and that it is a TRT engine "
    "file.)"
)
_WRONG_SIZE = "Error Code 1: Serialization (Serialization assertion plan.header.size == blobSize failed.)"


def make_runtime(script: TensorRtScript, types: dict[str, Any]) -> type:
    """The implementation of `Runtime`."""

    class Runtime(Behaviour):
        def __init__(self, logger: Any) -> None:
            self._logger = logger
            if script.newest:
                script.loggers.register(self, logger, "createInferRuntime", types["ILogger.Severity"].WARNING)

        @property
        def engine_header_size(self) -> int:
            return HEADER_BYTES

        def get_engine_validity(self, buffer: Any) -> tuple[Any, int]:
            validity, diagnostics = types["EngineValidity"], types["EngineInvalidityDiagnostics"]
            header = Header.load(bytes(buffer))
            if header is None:
                return validity.INVALID, int(diagnostics.MALFORMED_ENGINE)
            if not script.has_driver:
                text = f"Error reading CUDA GPU properties: In getCurrentCC {CUDA_ERROR}"
                self._logger.log(types["ILogger.Severity"].INTERNAL_ERROR, text)
                return validity.INVALID, 0
            found = {*_unfit(script, header), *script.diagnostics}
            bits = sum(int(diagnostics.__members__[name]) for name in found)
            return validity.INVALID if found else validity.VALID, bits

        def deserialize_cuda_engine(self, serialized_engine: Any) -> Any:
            content = bytes(serialized_engine)
            header = Header.load(content)
            if header is None:
                return self._refuse(_not_an_engine(content) if script.newest else _NO_MAGIC_BEFORE)
            if script.rtx and header.size_bytes != len(content):
                return self._refuse(_WRONG_SIZE)
            if not script.has_driver:
                return self._refuse(f"Error Code 1: Cuda Runtime (In ScopedCudaStream {CUDA_ERROR})")
            try:
                plan = Plan.load(content)
            except ValueError:
                return self._refuse(_WRONG_SIZE if script.newest else _NO_MAGIC_BEFORE)
            problem = self._misfit(plan, header)
            if problem:
                return self._refuse(f"Error Code 1: Serialization ({problem})")
            state = {"_plan": plan, "_digest": hashlib.sha256(content).hexdigest(), "_runtime": self}
            return instance_of(types["ICudaEngine"], **state, _logger=self._logger)

        def _misfit(self, plan: Plan, header: Header) -> str:
            """Why a whole engine cannot run here."""
            if plan.version != script.version:
                return "Version tag does not match."
            if script.rtx and not header.fits(script.driver.compute_capability):
                return "The engine was not built for this GPU's compute capability."
            if not script.rtx and plan.gpu != script.gpu:
                return "The engine plan file is generated on an incompatible device."
            plugins = sorted({operator for operator, _, _ in plan.layers if operator in PLUGINS})
            if plugins and not script.plugins_registered:
                return f"Cannot find plugin: {plugins[0]}_TRT, version: 1, namespace:."
            return ""

        def _refuse(self, why: str) -> None:
            function = "IRuntime::deserializeCudaEngine: " if script.newest else ""
            log_error(script, types, self._logger, f"{function}{why}")

    return Runtime


def _unfit(script: TensorRtScript, header: Header) -> Iterator[str]:
    """The diagnostics of an engine that is whole."""
    if header.version != script.version:
        yield "VERSION_MISMATCH"
    if not header.fits(script.driver.compute_capability):
        yield "UNSUPPORTED_CC"


def _not_an_engine(content: bytes) -> str:
    """What the newest versions say of bytes that do not begin like an engine."""
    if not content:
        return "Error Code 3: API Usage Error (Cannot deserialize with an empty memory buffer.)"
    if len(content) < HEADER_BYTES:
        return "Error Code 2: Internal Error (Assertion bufferSize >= minBufferSize failed.)"
    return _NO_MAGIC


def make_engine(script: TensorRtScript, types: dict[str, Any]) -> type:
    """The implementation of `ICudaEngine`."""

    class ICudaEngine(Behaviour):
        _plan: Plan
        _digest: str
        _runtime: Any
        _logger: Any

        @property
        def num_io_tensors(self) -> int:
            return len(self._values())

        @property
        def device_memory_size(self) -> int:
            return _CONTEXT_BYTES

        @property
        def device_memory_size_v2(self) -> int:
            return _CONTEXT_BYTES

        def get_tensor_name(self, index: int) -> str:
            return list(self._values())[index]

        def get_tensor_mode(self, name: str) -> Any:
            is_input = name in {value.name for value in self._plan.onnx_model().graph.input}
            return types["TensorIOMode"].__members__["INPUT" if is_input else "OUTPUT"]

        def get_tensor_shape(self, name: str) -> Any:
            # A dimension that is only known after the computation is -1.
            dims = self._values()[name].shape.dim
            return types["Dims"]([size.dim_value if size.HasField("dim_value") else -1 for size in dims])

        def get_tensor_dtype(self, name: str) -> Any:
            return types["DataType"].__members__[_DTYPES[self._values()[name].elem_type]]

        def create_engine_inspector(self) -> Any:
            return instance_of(types["EngineInspector"], _plan=self._plan)

        def create_runtime_config(self) -> Any:
            if not script.rtx:
                raise NotImplementedError("The fake TensorRT does not play ICudaEngine.create_runtime_config.")
            return create_runtime_config(types, self._logger)

        def create_execution_context(self, how: Any = None) -> Any:
            """`how` is a runtime configuration; the fake does not play a strategy of allocation."""
            if how is not None and not (script.rtx and isinstance(how, types["IRuntimeConfig"])):
                raise NotImplementedError("The fake TensorRT plays no allocation strategies.")
            if script.no_room_for_context:
                text = "Error Code 2: OutOfMemory (Requested size was 3145728 bytes.)"
                return self._logger.log(types["ILogger.Severity"].ERROR, text)
            script.contexts += 1
            model = self._plan.model
            session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
            state = {"_engine": self, "_addresses": {}, "_session": session, "_profiler": None, "_emits": True}
            if script.rtx and script.compiles_at == "context":
                compile_kernels(script, self._digest, how)
            return instance_of(types["IExecutionContext"], **state, _config=how, _nvtx=None, _runs=0, _pending=None)

        def _values(self) -> dict[str, onnx.TypeProto.Tensor]:
            graph = self._plan.onnx_model().graph
            return {value.name: value.type.tensor_type for value in (*graph.input, *graph.output)}

    return ICudaEngine


class EngineInspector(Behaviour):
    _plan: Plan

    def get_engine_information(self, format: Any) -> str:
        if format.name != "JSON":
            raise NotImplementedError("The fake TensorRT prints JSON only.")
        return self._plan.describe()


def make_context(script: TensorRtScript, types: dict[str, Any]) -> type:
    """The implementation of `IExecutionContext`."""

    class IExecutionContext(Behaviour):
        _engine: Any
        _config: Any
        _addresses: dict[str, int]
        _session: onnxruntime.InferenceSession
        _profiler: Any
        _emits: bool
        _nvtx: Any
        _runs: int
        _pending: int | None

        @property
        def profiler(self) -> Any:
            return self._profiler

        @profiler.setter
        def profiler(self, value: Any) -> None:
            if not isinstance(value, types["IProfiler"]):
                raise TypeError("profiler must be an IProfiler")
            self._profiler = value

        @property
        def enqueue_emits_profile(self) -> bool:
            return self._emits

        @enqueue_emits_profile.setter
        def enqueue_emits_profile(self, value: bool) -> None:
            self._emits = value

        @property
        def nvtx_verbosity(self) -> Any:
            return self._nvtx

        @nvtx_verbosity.setter
        def nvtx_verbosity(self, value: Any) -> None:
            if not isinstance(value, types["ProfilingVerbosity"]):
                raise TypeError("nvtx_verbosity must be a ProfilingVerbosity")
            self._nvtx = value

        def set_tensor_address(self, name: str, memory: int) -> bool:
            if name not in self._engine._values() or not memory:
                return self._error(f"Given invalid tensor name: {name}.")
            self._addresses[name] = memory
            return True

        def execute_async_v3(self, stream_handle: int) -> bool:
            missing = [name for name in self._engine._values() if name not in self._addresses]
            if missing:
                return self._error(f"Error Code 3: address is not set for tensor {missing[0]}.")
            if script.executed == script.fails_at:
                return self._error("Error Code 1: Cuda Runtime (an illegal memory access was encountered)")
            if script.rtx and script.compiles_at == "first_inference" and not self._runs:
                compile_kernels(script, self._engine._digest, self._config)
            script.executed += 1
            self._pending = self._runs
            self._runs += 1
            script.driver.kernel(stream_handle, self._compute)
            if self._profiler is not None and self._emits:
                self.report_to_profiler()
            return True

        def report_to_profiler(self) -> bool:
            if self._profiler is None or self._pending is None:
                return self._error("There is no inference to report.")
            for position, name in enumerate(self._engine._plan.layer_names()):
                self._profiler.report_layer_time(name, script.layer_ms(position, self._pending))
            self._pending = None
            return True

        def _compute(self) -> None:
            feed, results = {}, {}
            for name, tensor in self._engine._values().items():
                shape = tuple(size.dim_value for size in tensor.shape.dim)
                array = script.driver.read(
                    self._addresses[name], shape, helper.tensor_dtype_to_np_dtype(tensor.elem_type)
                )
                is_input = self._engine.get_tensor_mode(name).name == "INPUT"
                (feed if is_input else results)[name] = array
            for name, computed in zip(results, self._session.run(list(results), feed), strict=True):
                np.copyto(results[name], computed)

        def _error(self, text: str) -> bool:
            self._engine._logger.log(types["ILogger.Severity"].ERROR, text)
            return False

    return IExecutionContext
