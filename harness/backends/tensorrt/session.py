"""A loaded engine with its tensors on the device, which runs and is timed through the CUDA driver."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foundation.units import BYTES_PER_MIB, MILLISECONDS_PER_SECOND
from harness.backends.layers import LayerTime
from harness.backends.session import Arrays, Session, TensorSpec
from harness.backends.tensorrt import inspector
from harness.backends.tensorrt.builder import check_precision, describe, read_description
from harness.backends.tensorrt.dialect import Dialect
from harness.backends.tensorrt.engines import StoredEngine
from harness.backends.tensorrt.jit import JitCache, JitCacheUse
from harness.backends.tensorrt.logs import LogTail, logging_to
from harness.backends.tensorrt.plugins import register_plugins
from harness.backends.tensorrt.validity import verdict_on
from harness.errors import ArtifactError, HarnessError, UnsupportedError
from harness.files.shapes import batch_of
from harness.machine.gpu.driver import CudaDriver, CudaOutOfMemoryError
from harness.machine.gpu.figures import GpuFigures
from harness.machine.gpu.settings import GpuSettings
from harness.timing.cuda_events import GpuTimer
from harness.vocabulary import LatencyKind

# TensorRT's names of the element types that numpy also has.
_DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
}


class EngineLoadError(HarnessError):
    """The engine on disk cannot be loaded here."""


class EngineRunError(HarnessError):
    """TensorRT could not run the engine."""


@dataclasses.dataclass(frozen=True)
class IoTensor:
    """An input or output of the engine, bound to device memory."""

    spec: TensorSpec
    is_input: bool
    address: int
    host: npt.NDArray[Any]
    """Page-locked memory from or to which it is copied."""


class TensorRtSession(Session):
    """One engine with its own execution context."""

    latency_kind: LatencyKind = "gpu_compute"

    def __init__(
        self,
        trt: Any,
        dialect: Dialect,
        driver: CudaDriver,
        stored: StoredEngine,
        artifact: Path,
        *,
        precision: str,
        settings: GpuSettings,
        jit: JitCache | None = None,
    ) -> None:
        """Loads the engine; `driver` is closed with the session, and `jit` belongs to a library that compiles now.

        Raises:
            EngineLoadError: TensorRT refuses the engine.
            CudaOutOfMemoryError: the device has too little memory for it.
        """
        super().__init__(precision)
        self.provider = dialect.library
        self._trt = trt
        self._dialect = dialect
        self._driver = driver
        self._jit = jit
        self._jit_s: float | None = None
        self._jit_use: JitCacheUse | None = None
        self._cautions: list[str] = []
        self._stored = stored
        self._artifact = artifact
        self._log = LogTail()
        self._logging = contextlib.ExitStack()
        self._runtime: Any = None
        self._engine: Any = None
        self._context: Any = None
        try:
            self._load()
            self._tensors = [self._allocate(name) for name in self._names()]
            self._stream = driver.stream()
            self._timer = GpuTimer(driver, self._stream, self._enqueue, settings)
        except BaseException:
            self._release()
            raise

    def input_specs(self) -> list[TensorSpec]:
        """Returns the specs of all inputs of the network."""
        return [tensor.spec for tensor in self._tensors if tensor.is_input]

    def start(self, values: npt.NDArray[Any] | Arrays) -> float:
        """Also keeps the kernels that were compiled up to the end of the first inference."""
        first_ms = super().start(values)
        if self._jit is not None:
            self._jit_s = self._context_s + first_ms / MILLISECONDS_PER_SECOND
            self._jit_use = self._jit.keep()
        return first_ms

    def bind_impl(self, arrays: Arrays) -> None:
        """Copies the inputs to the device, where they stay."""
        for tensor in self._tensors:
            self._set_address(self._context, tensor)
            if tensor.is_input:
                tensor.host[...] = arrays[tensor.spec.name]
        self._copy_in()
        self._driver.synchronise(self._stream)

    def infer(self) -> None:
        """Enqueues one inference and waits for it."""
        self._timer.infer()

    def outputs(self) -> dict[str, npt.NDArray[Any]]:
        """Returns copies of the outputs of the last inference."""
        self._copy_out()
        self._driver.synchronise(self._stream)
        return {tensor.spec.name: tensor.host.copy() for tensor in self._tensors if not tensor.is_input}

    def check_placement_impl(self) -> None:
        """Checks the engine's precision; an engine can only run on the device for which it was built."""
        check_precision(self.precision, self.precision_effective(), self._artifact)

    def precision_effective(self) -> str:
        """Returns the precision of the convolutions and matrix products, read back from the loaded engine."""
        return inspector.precision_of(self._layers())

    def time_block(
        self, latencies_ns: npt.NDArray[np.int64], clock_ns: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        """Fills the array with the device times of inferences, one per element, between CUDA events."""
        del clock_ns
        self._timer.time_block(latencies_ns)

    def gpu_figures(self) -> GpuFigures:
        """Returns latency with transfers, enqueue time, throughput, and the engine's size and memory."""
        batch = batch_of(self.input.shape) or 1
        sidecar = self._stored.sidecar
        size_mib = sidecar.size_bytes / BYTES_PER_MIB
        return dataclasses.replace(
            self._timer.figures(self._copy_in, self._copy_out, batch),
            # Only since TensorRT 10 does the engine report the size of its weights; its file is a little larger.
            memory_mib=size_mib + self._dialect.context_memory_mib(self._engine),
            engine_mib=size_mib,
            engine_build_s=sidecar.build_s,
            engine_sha256=sidecar.sha256,
            engine_capabilities=self._capabilities(),
            jit_s=self._jit_s,
            jit_cache=self._jit_use,
        ).with_readings({"warnings": tuple(self._cautions)})

    def layer_times(self, inferences: int) -> list[LayerTime]:
        """Returns TensorRT's own profile, made in a separate context so that it never slows the timed one."""
        context = self._new_context()
        for tensor in self._tensors:
            self._set_address(context, tensor)
        profiler = make_profiler(self._trt)
        context.profiler = profiler
        # The profile is reported after each inference, not while it is enqueued.
        context.enqueue_emits_profile = False
        for index in range(inferences + 1):
            self._execute(context)
            self._driver.synchronise(self._stream)
            if not context.report_to_profiler():
                raise EngineRunError(f"TensorRT did not profile {self._artifact}.{self._log.explanation()}")
            if index == 0:
                # The first inference in a context is slower than all others.
                profiler.times_ms.clear()
        return self._layer_times(profiler.times_ms)

    def close(self) -> None:
        """Waits for the last inference, then frees the engine and the device's memory."""
        try:
            self._driver.synchronise(self._stream)
        finally:
            self._release()

    def _load(self) -> None:
        # The bindings ensure that the runtime outlives the engine, and the engine its contexts.
        logger = self._logging.enter_context(logging_to(self._trt, self._log))
        register_plugins(self._trt, logger)
        self._runtime = self._trt.Runtime(logger)
        if self._dialect.compiles_when_loaded:
            self._check_validity()
        self._engine = self._runtime.deserialize_cuda_engine(self._stored.plan)
        if self._engine is None:
            raise self._load_error("cannot load")
        begin_s = time.perf_counter()
        self._context = self._new_context()
        self._context_s = time.perf_counter() - begin_s
        # Off, because annotations for NVIDIA's own profiler, which the context of an engine with detailed verbosity
        # would emit, make enqueueing slower (documentation of IExecutionContext.nvtx_verbosity).
        self._context.nvtx_verbosity = self._trt.ProfilingVerbosity.NONE

    def _check_validity(self) -> None:
        """Refuses an engine that the library calls invalid, before it reads all of it."""
        verdict = verdict_on(self._trt, self._runtime, self._stored.plan)
        if not verdict.valid:
            raise EngineLoadError(
                f"{self._dialect.name} refuses the engine of {self._artifact}, which is for "
                f"{self._capabilities()}: {verdict.why}. Run again to build it for this GPU (--for), or use a GPU that "
                f"it is for.{self._log.explanation()}"
            )
        if verdict.suboptimal:
            self._cautions.append(
                f"{self._dialect.name} says that the engine would be faster if it were built for this GPU (--for)."
            )

    def _capabilities(self) -> str:
        """The GPUs that the engine is for: named ones, or the library's default."""
        key = self._stored.sidecar.built_for
        return "+".join(key.capabilities) or key.compute_capability or "8.0 and later"

    def _release(self) -> None:
        """Frees the context before its engine, and both before the device's memory; a second call does nothing."""
        self._context = None
        if self._jit is not None:
            self._jit.release()
        self._engine = None
        self._runtime = None
        self._logging.close()
        self._driver.close()

    def _enqueue(self) -> None:
        self._execute(self._context)

    def _execute(self, context: Any) -> None:
        if not context.execute_async_v3(self._stream):
            raise EngineRunError(f"TensorRT could not run {self._artifact}.{self._log.explanation()}")

    def _copy_in(self) -> None:
        for tensor in self._tensors:
            if tensor.is_input:
                self._driver.copy_to_device(tensor.address, tensor.host, self._stream)

    def _copy_out(self) -> None:
        for tensor in self._tensors:
            if not tensor.is_input:
                self._driver.copy_to_host(tensor.host, tensor.address, self._stream)

    def _new_context(self) -> Any:
        jit, engine = self._jit, self._engine
        context = engine.create_execution_context() if jit is None else jit.create_context(self._trt, engine)
        if context is None:
            raise self._load_error("has too little memory to run")
        return context

    def _load_error(self, what: str) -> HarnessError:
        text = f"{self._dialect.name} {what} the engine of {self._artifact}."
        if self._log.out_of_memory:
            return CudaOutOfMemoryError(
                f"{text} The GPU is out of memory. Use a smaller batch, or end other processes on it (nvidia-smi)."
                f"{self._log.explanation()}"
            )
        return EngineLoadError(f"{text} Remove {self._stored.directory} and run again.{self._log.explanation()}")

    def _names(self) -> list[str]:
        engine = self._engine
        return [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]

    def _allocate(self, name: str) -> IoTensor:
        kind = self._engine.get_tensor_dtype(name).name
        if kind not in _DTYPES:
            raise UnsupportedError(
                f"{self._artifact}: tensor {name!r} is {kind}, for which numpy has no type. Export the network with "
                "float32 inputs and outputs."
            )
        shape = tuple(self._engine.get_tensor_shape(name))
        if any(size < 0 for size in shape):
            raise ArtifactError(
                f"{self._artifact}: tensor {name!r} has the shape {list(shape)}, which depends on the computation, so "
                "no memory can be reserved for it. Export the network with fixed shapes."
            )
        host = self._driver.pinned(shape, _DTYPES[kind])
        return IoTensor(
            spec=TensorSpec(name, shape, _DTYPES[kind]),
            is_input=self._engine.get_tensor_mode(name) == self._trt.TensorIOMode.INPUT,
            address=self._driver.allocate(host.nbytes),
            host=host,
        )

    def _set_address(self, context: Any, tensor: IoTensor) -> None:
        if not context.set_tensor_address(tensor.spec.name, tensor.address):
            raise EngineRunError(
                f"TensorRT refused memory for tensor {tensor.spec.name!r} of {self._artifact}.{self._log.explanation()}"
            )

    def _layers(self) -> list[inspector.EngineLayer]:
        return read_description(describe(self._trt, self._engine), self._artifact)

    def _layer_times(self, times_ms: dict[str, list[float]]) -> list[LayerTime]:
        known = {layer.name: layer for layer in self._layers()}
        unknown = inspector.EngineLayer(name="", kind="", precision="", tactic="", arithmetic=False)
        return [
            LayerTime(position, name, layer.kind, layer.precision, statistics.median(found))
            for position, (name, found) in enumerate(times_ms.items())
            for layer in [known.get(name, unknown)]
        ]


def make_profiler(trt: Any) -> Any:
    """An `IProfiler` that keeps the times of each layer in `times_ms`, in order of execution."""

    class LayerProfiler(trt.IProfiler):
        def __init__(self) -> None:
            trt.IProfiler.__init__(self)
            self.times_ms: dict[str, list[float]] = {}

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            self.times_ms.setdefault(layer_name, []).append(ms)

    return LayerProfiler()
