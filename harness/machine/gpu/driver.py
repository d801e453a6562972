"""A GPU through the CUDA driver: memory, copies, streams, events and graphs.

Everything that is measured on a GPU goes through this one class. It uses the device's primary context, the one
that CUDA's runtime library uses too, so that pointers and streams made here mean the same to TensorRT and to ONNX
Runtime. Handles and addresses are plain integers, as those take them.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from foundation.units import BYTES_PER_MIB
from harness.errors import CudaError, CudaOutOfMemoryError, NoGpuError
from harness.machine.gpu.calls import FUNCTIONS, Caller, find_caller
from harness.machine.gpu.cuda_errors import cuda_error, opening_error

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

# Errors of these calls mean that there is no GPU to use; of any other, that something went wrong on it.
_OPENING = frozenset({"cuInit", "cuDriverGetVersion", "cuDeviceGetCount", "cuDeviceGet", "cuDevicePrimaryCtxRetain"})


class CudaDriver:
    """One device, made current in the thread that opens it; use as a context manager or `close` it.

    What it allocated and created is freed when it is closed, so that a pinned array must not be touched
    afterwards; a runtime that uses the device is to be closed before. Every method raises CudaError where the
    driver reports an error, CudaOutOfMemoryError where memory is short.
    """

    def __init__(self, device: int, caller: Caller) -> None:
        raw = {function.name: caller.bind(function) for function in FUNCTIONS}
        self._calls = {name: checked(name, raw) for name in raw}
        call = self._calls
        call["cuInit"](0)
        self.cuda_version: int = call["cuDriverGetVersion"]()
        """The newest CUDA that the driver knows, as 13000 for 13.0."""
        self._device = self._find(device)
        self.name: str = call["cuDeviceGetName"](256, self._device).decode("utf-8", "replace")
        self.compute_capability: tuple[int, int] = (
            call["cuDeviceGetAttribute"](_COMPUTE_CAPABILITY_MAJOR, self._device),
            call["cuDeviceGetAttribute"](_COMPUTE_CAPABILITY_MINOR, self._device),
        )
        self.total_mib: float = call["cuDeviceTotalMem"](self._device) / BYTES_PER_MIB
        self._owned: dict[str, dict[int, None]] = {name: {} for name in _FREED_BY}
        self._closed = False
        # As trtexec does where it runs several engines (runMultiTasksInference in sampleInference.cpp). Events that
        # block sleep whatever the context's flag says; waits that are to spin would, by its default, yield where there
        # are more contexts than processors, and sleep on a Jetson in a low power mode.
        call["cuDevicePrimaryCtxSetFlags"](self._device, _CONTEXT_SPIN)
        context = call["cuDevicePrimaryCtxRetain"](self._device)
        call["cuCtxSetCurrent"](context)

    @classmethod
    def open(cls, device: int) -> CudaDriver:
        """The device of this index, as CUDA counts.

        Raises:
            NoGpuError: no driver, one that cannot be used, or no such device; the message says what to do.
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
        """Address of `nbytes` of device memory, at least one byte."""
        return self._own("cuMemFree", self._calls["cuMemAlloc"](max(nbytes, 1)))

    def free(self, pointer: int) -> None:
        """Free what `allocate` gave."""
        self._free("cuMemFree", pointer)

    def pinned(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """An array of this shape in page-locked host memory, zeroed; only from there do copies run at full speed."""
        nbytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        address = self._own("cuMemFreeHost", self._calls["cuMemHostAlloc"](max(nbytes, 1), 0))
        memory = (ctypes.c_uint8 * nbytes).from_address(address)
        array: npt.NDArray[Any] = np.ctypeslib.as_array(memory).view(dtype).reshape(shape)
        array.fill(0)
        return array

    def copy_to_device(self, pointer: int, array: npt.NDArray[Any], stream: int) -> None:
        """Enqueue a copy of the array, which must stay as it is until the stream has come so far."""
        _check_contiguous(array)
        self._calls["cuMemcpyHtoDAsync"](pointer, array.ctypes.data, array.nbytes, stream)

    def copy_to_host(self, array: npt.NDArray[Any], pointer: int, stream: int) -> None:
        """Enqueue a copy into the array, which is filled when the stream has come so far."""
        _check_contiguous(array)
        self._calls["cuMemcpyDtoHAsync"](array.ctypes.data, pointer, array.nbytes, stream)

    def stream(self) -> int:
        """A new stream, which the default stream does not wait for, nor it for that one."""
        return self._own("cuStreamDestroy", self._calls["cuStreamCreate"](_STREAM_NON_BLOCKING))

    def event(self, spin: bool = False, timing: bool = True) -> int:
        """A new event; `wait` sleeps until it has happened, or spins. One without timing is cheaper to record."""
        flags = (_EVENT_DEFAULT if spin else _EVENT_BLOCKING_SYNC) | (0 if timing else _EVENT_DISABLE_TIMING)
        return self._own("cuEventDestroy", self._calls["cuEventCreate"](flags))

    def record(self, event: int, stream: int) -> None:
        """Enqueue the event."""
        self._calls["cuEventRecord"](event, stream)

    def wait(self, event: int) -> None:
        """Return when the event's last record has happened."""
        self._calls["cuEventSynchronize"](event)

    def synchronise(self, stream: int) -> None:
        """Return when all work of the stream is done."""
        self._calls["cuStreamSynchronize"](stream)

    def elapsed_ms(self, first: int, last: int) -> float:
        """Time between two events that have happened: a float32 with a resolution of about 0.5 us."""
        elapsed: float = self._calls["cuEventElapsedTime"](first, last)
        return elapsed

    def capture(self, stream: int, enqueue: Callable[[], None]) -> int:
        """Capture what `enqueue` puts into the stream, without running it; return the executable graph.

        Raises:
            CudaError: it cannot be captured, as work that waits for the device or allocates cannot.
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
        """Enqueue an executable graph."""
        self._calls["cuGraphLaunch"](graph, stream)

    def memory_mib(self) -> tuple[float, float]:
        """Free and total memory of the device, in MiB; other processes' use counts as used."""
        free, total = self._calls["cuMemGetInfo"]()
        return free / BYTES_PER_MIB, total / BYTES_PER_MIB

    def close(self) -> None:
        """Free all that was allocated and created here, then let go of the context; twice does nothing more."""
        if self._closed:
            return
        self._closed = True
        # After a failed kernel every call fails, and the error that matters is that kernel's.
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


# What frees the things that are created, in the order in which they are freed.
_FREED_BY = ("cuGraphExecDestroy", "cuEventDestroy", "cuStreamDestroy", "cuMemFree", "cuMemFreeHost")


def checked(name: str, raw: dict[str, Callable[..., tuple[Any, ...]]]) -> Callable[..., Any]:
    """The function that raises on an error and returns its outputs: none, the one, or a tuple."""
    function, name_of, text_of = raw[name], raw["cuGetErrorName"], raw["cuGetErrorString"]
    make_error = opening_error if name in _OPENING else cuda_error

    def call(*inputs: Any) -> Any:
        code, *outputs = function(*inputs)
        if code:
            raise make_error(name, code, _words(name_of, code), _words(text_of, code))
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    return call


def _words(explain: Callable[..., tuple[Any, ...]], code: int) -> str:
    """The driver's words for an error; it has none for a code newer than itself."""
    _, *words = explain(code)
    return words[0].decode("utf-8", "replace") if words else "an unknown error"


def _check_contiguous(array: npt.NDArray[Any]) -> None:
    if not array.flags.c_contiguous:
        raise ValueError("Only a C-contiguous array can be copied; use np.ascontiguousarray.")
