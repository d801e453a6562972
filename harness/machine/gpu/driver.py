"""Access to a GPU through the CUDA driver: memory, copies, streams, events and graphs.

Everything that is measured on a GPU goes through this one class. It uses the device's primary context, which CUDA's
runtime library uses too, so that pointers and streams made here are valid in TensorRT and in ONNX Runtime. Handles
and addresses are plain integers, as those runtimes take them.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from foundation.units import BYTES_PER_MIB
from harness.errors import CudaError, CudaOutOfMemoryError, NoGpuError
from harness.machine.gpu.calls import FUNCTIONS, Caller, find_caller
from harness.machine.gpu.cuda_errors import cuda_error, opening_error

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["CudaDriver", "CudaError", "CudaOutOfMemoryError", "NoGpuError"]


# From cuda.h.
_COMPUTE_CAPABILITY_MAJOR = 75
_COMPUTE_CAPABILITY_MINOR = 76
_CONTEXT_SPIN = 0x1
_EVENT_DEFAULT = 0x0
_EVENT_BLOCKING_SYNC = 0x1
_EVENT_DISABLE_TIMING = 0x2
_STREAM_NON_BLOCKING = 0x1
_CAPTURE_THREAD_LOCAL = 1

# Errors of these calls mean that there is no usable GPU; errors of any other call, that something went wrong on it.
_OPENING = frozenset({"cuInit", "cuDriverGetVersion", "cuDeviceGetCount", "cuDeviceGet", "cuDevicePrimaryCtxRetain"})


class CudaDriver:
    """One device, made current in the thread that opens it; use it as a context manager or `close` it.

    Closing frees everything it allocated and created, so a pinned array must not be touched afterwards, and a runtime
    that uses the device must be closed before. Every method raises CudaError if the driver reports an error, and
    CudaOutOfMemoryError if memory runs out.
    """

    def __init__(self, device: int, caller: Caller) -> None:
        raw = {function.name: caller.bind(function) for function in FUNCTIONS}
        self._calls = {name: checked(name, raw) for name in raw}
        call = self._calls
        call["cuInit"](0)
        self.cuda_version: int = call["cuDriverGetVersion"]()
        """The newest CUDA version that the driver supports, as in 13000 for 13.0."""
        self._device = self._find(device)
        self.name: str = call["cuDeviceGetName"](256, self._device).decode("utf-8", "replace")
        self.compute_capability: tuple[int, int] = (
            call["cuDeviceGetAttribute"](_COMPUTE_CAPABILITY_MAJOR, self._device),
            call["cuDeviceGetAttribute"](_COMPUTE_CAPABILITY_MINOR, self._device),
        )
        self.total_mib: float = call["cuDeviceTotalMem"](self._device) / BYTES_PER_MIB
        self._owned: dict[str, dict[int, None]] = {name: {} for name in _FREED_BY}
        self._closed = False
        # As trtexec does when it runs several engines (runMultiTasksInference in sampleInference.cpp). Blocking events
        # sleep whatever the context's flag says; with the default flag, waits that should spin would yield if there
        # are more contexts than processors, and sleep on a Jetson in a low power mode.
        call["cuDevicePrimaryCtxSetFlags"](self._device, _CONTEXT_SPIN)
        context = call["cuDevicePrimaryCtxRetain"](self._device)
        call["cuCtxSetCurrent"](context)

    @classmethod
    def open(cls, device: int) -> CudaDriver:
        """Opens the device with this index, in CUDA's numbering.

        Raises:
            NoGpuError: there is no usable driver, or no such device; the message says what to do.
        """
        return cls(device, find_caller())

    def _find(self, device: int) -> int:
        count: int = self._calls["cuDeviceGetCount"]()
        if not 0 <= device < count:
            there = "none" if not count else "only 0" if count == 1 else f"0 to {count - 1}"
            raise NoGpuError(
                f"There is no GPU {device}: CUDA sees {there}. Choose another --device; CUDA_VISIBLE_DEVICES may "
                "hide GPUs that `nvidia-smi -L` lists."
            )
        handle: int = self._calls["cuDeviceGet"](device)
        return handle

    def allocate(self, nbytes: int) -> int:
        """Allocates `nbytes` of device memory, at least one byte, and returns its address."""
        return self._own("cuMemFree", self._calls["cuMemAlloc"](max(nbytes, 1)))

    def free(self, pointer: int) -> None:
        """Frees memory that `allocate` returned."""
        self._free("cuMemFree", pointer)

    def pinned(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Allocates a zeroed array in page-locked host memory; only from there do copies run at full speed."""
        # Not at the top: a process that builds engines has no arrays.
        import numpy as np

        nbytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        address = self._own("cuMemFreeHost", self._calls["cuMemHostAlloc"](max(nbytes, 1), 0))
        memory = (ctypes.c_uint8 * nbytes).from_address(address)
        array: npt.NDArray[Any] = np.ctypeslib.as_array(memory).view(dtype).reshape(shape)
        array.fill(0)
        return array

    def copy_to_device(self, pointer: int, array: npt.NDArray[Any], stream: int) -> None:
        """Enqueues a copy of the array, which must not change until the stream has executed the copy."""
        _check_contiguous(array)
        self._calls["cuMemcpyHtoDAsync"](pointer, array.ctypes.data, array.nbytes, stream)

    def copy_to_host(self, array: npt.NDArray[Any], pointer: int, stream: int) -> None:
        """Enqueues a copy into the array, which is filled once the stream has executed the copy."""
        _check_contiguous(array)
        self._calls["cuMemcpyDtoHAsync"](array.ctypes.data, pointer, array.nbytes, stream)

    def stream(self) -> int:
        """Creates a stream; it and the default stream do not wait for each other."""
        return self._own("cuStreamDestroy", self._calls["cuStreamCreate"](_STREAM_NON_BLOCKING))

    def event(self, spin: bool = False, timing: bool = True) -> int:
        """Creates an event for which `wait` sleeps or spins; an event without timing is cheaper to record."""
        flags = (_EVENT_DEFAULT if spin else _EVENT_BLOCKING_SYNC) | (0 if timing else _EVENT_DISABLE_TIMING)
        return self._own("cuEventDestroy", self._calls["cuEventCreate"](flags))

    def record(self, event: int, stream: int) -> None:
        """Enqueues the event."""
        self._calls["cuEventRecord"](event, stream)

    def wait(self, event: int) -> None:
        """Returns when the event's latest record has been executed."""
        self._calls["cuEventSynchronize"](event)

    def synchronise(self, stream: int) -> None:
        """Returns when all work in the stream is done."""
        self._calls["cuStreamSynchronize"](stream)

    def elapsed_ms(self, first: int, last: int) -> float:
        """Returns the time between two completed events, a float32 with a resolution of about 0.5 us."""
        elapsed: float = self._calls["cuEventElapsedTime"](first, last)
        return elapsed

    def capture(self, stream: int, enqueue: Callable[[], None]) -> int:
        """Captures what `enqueue` puts into the stream, without running it; returns the executable graph.

        Raises:
            CudaError: the work cannot be captured, for example because it waits for the device or allocates.
        """
        self._calls["cuStreamBeginCapture"](stream, _CAPTURE_THREAD_LOCAL)
        try:
            enqueue()
        except BaseException:
            # Left open, the capture would make every later call in this thread fail.
            with contextlib.suppress(CudaError):
                self._calls["cuGraphDestroy"](self._calls["cuStreamEndCapture"](stream))
            raise
        graph = self._calls["cuStreamEndCapture"](stream)
        try:
            return self._own("cuGraphExecDestroy", self._calls["cuGraphInstantiate"](graph, 0))
        finally:
            self._calls["cuGraphDestroy"](graph)

    def launch(self, graph: int, stream: int) -> None:
        """Enqueues an executable graph."""
        self._calls["cuGraphLaunch"](graph, stream)

    def memory_mib(self) -> tuple[float, float]:
        """Returns the free and total memory of the device in MiB; memory of other processes counts as used."""
        free, total = self._calls["cuMemGetInfo"]()
        return free / BYTES_PER_MIB, total / BYTES_PER_MIB

    def close(self) -> None:
        """Frees everything allocated and created here, then releases the context; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        # After a failed kernel every call fails, and the error that matters is the kernel's.
        for stream in self._owned["cuStreamDestroy"]:
            with contextlib.suppress(CudaError):
                self.synchronise(stream)
        for name, handles in self._owned.items():
            for handle in list(handles):
                with contextlib.suppress(CudaError):
                    self._free(name, handle)
        with contextlib.suppress(CudaError):
            self._calls["cuDevicePrimaryCtxRelease"](self._device)

    def _own(self, freed_by: str, handle: int) -> int:
        self._owned[freed_by][handle] = None
        return handle

    def _free(self, name: str, handle: int) -> None:
        self._owned[name].pop(handle, None)
        self._calls[name](handle)

    def __enter__(self) -> CudaDriver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# The functions that free what was created, in the order in which they are called.
_FREED_BY = ("cuGraphExecDestroy", "cuEventDestroy", "cuStreamDestroy", "cuMemFree", "cuMemFreeHost")


def checked(name: str, raw: dict[str, Callable[..., tuple[Any, ...]]]) -> Callable[..., Any]:
    """Returns a function that raises on an error and returns its output, or a tuple unless there is exactly one."""
    function, name_of, text_of = raw[name], raw["cuGetErrorName"], raw["cuGetErrorString"]
    make_error = opening_error if name in _OPENING else cuda_error

    def call(*inputs: Any) -> Any:
        code, *outputs = function(*inputs)
        if code:
            raise make_error(name, code, _words(name_of, code), _words(text_of, code))
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    return call


def _words(explain: Callable[..., tuple[Any, ...]], code: int) -> str:
    """Returns the driver's words for an error; it has none for a code that is newer than the driver."""
    _, *words = explain(code)
    return words[0].decode("utf-8", "replace") if words else "an unknown error"


def _check_contiguous(array: npt.NDArray[Any]) -> None:
    if not array.flags.c_contiguous:
        raise ValueError("Only a C-contiguous array can be copied; use np.ascontiguousarray.")
