"""Execution: the runtime, engines, their contexts, and the inspector."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from tests.fakes.tensorrt.network import _DTYPES
from tests.fakes.tensorrt.plan import PLUGINS, Plan
from tests.fakes.tensorrt.script import TensorRtScript
from tests.fakes.tensorrt.surface import Behaviour, instance_of

_CONTEXT_BYTES = 3 << 20


def make_runtime(script: TensorRtScript, types: dict[str, Any]) -> type:
    """The implementation of `Runtime`."""

    class Runtime(Behaviour):
        def __init__(self, logger: Any) -> None:
            self._logger = logger

        def deserialize_cuda_engine(self, serialized_engine: Any) -> Any:
            try:
                plan = Plan.load(bytes(serialized_engine))
            except ValueError:
                return self._refuse("Serialization assertion magicTagRead == kMAGIC_TAG failed.")
            if plan.version != script.version:
                return self._refuse("Version tag does not match.")
            if plan.gpu != script.gpu:
                return self._refuse("The engine plan file is generated on an incompatible device.")
            plugins = sorted({operator for operator, _, _ in plan.layers if operator in PLUGINS})
            if plugins and not script.plugins_registered:
                return self._refuse(f"Cannot find plugin: {plugins[0]}_TRT, version: 1, namespace:.")
            return instance_of(types["ICudaEngine"], _plan=plan, _logger=self._logger)

        def _refuse(self, why: str) -> None:
            self._logger.log(types["ILogger.Severity"].ERROR, f"Error Code 1: Serialization ({why})")

    return Runtime


def make_engine(script: TensorRtScript, types: dict[str, Any]) -> type:
    """The implementation of `ICudaEngine`."""

    class ICudaEngine(Behaviour):
        _plan: Plan
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

        def create_execution_context(self) -> Any:
            if script.no_room_for_context:
                text = "Error Code 2: OutOfMemory (Requested size was 3145728 bytes.)"
                return self._logger.log(types["ILogger.Severity"].ERROR, text)
            script.contexts += 1
            model = self._plan.model
            session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
            state = {"_engine": self, "_addresses": {}, "_session": session, "_profiler": None, "_emits": True}
            return instance_of(types["IExecutionContext"], **state, _nvtx=None, _runs=0, _pending=None)

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
