"""A scripted GPU with the interface of `harness.machine.gpu.driver.CudaDriver`.

Time passes only on a `FakeClock`: a call that enqueues costs the host `call_ns`, work runs on the device in the
order of its stream, and waiting moves the clock to the end of the work. Host memory stands in for
device memory, so copies carry real values. Handles that were never created, or were freed, are errors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.machine.gpu.driver import CudaError, CudaOutOfMemoryError

_BYTES_PER_MIB = 1024 * 1024


class FakeClock:
    """A clock in nanoseconds that moves only on request."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, duration_ns: float) -> None:
        self.now_ns += round(duration_ns)

    def advance_to(self, moment_ns: float) -> None:
        self.now_ns = max(self.now_ns, round(moment_ns))


@dataclasses.dataclass
class _Work:
    """Work in a stream: how long it takes, and what it does when it is enqueued (None: nothing)."""

    duration_ns: Callable[[], float]
    action: Callable[[], None] | None = None


class FakeCudaDriver:
    """A GPU whose times and failures are scripted.

    `kernel_ns` is the duration of a kernel, or a function of its number, from 0 (slow-downs, jitter);
    `enqueue_ns` is the host's time to enqueue one, `call_ns` that of any other call that enqueues or waits;
    `bandwidth_gb_s` is that of copies in either direction. `fail` scripts failures. `calls` lists the names of all
    methods called.
    """

    def __init__(
        self,
        device: int = 0,
        *,
        clock: FakeClock | None = None,
        name: str = "NVIDIA Fake H200",
        compute_capability: tuple[int, int] = (9, 0),
        cuda_version: int = 13000,
        total_mib: float = 1024.0,
        call_ns: float = 1_000.0,
        enqueue_ns: float = 10_000.0,
        kernel_ns: float | Callable[[int], float] = 500_000.0,
        bandwidth_gb_s: float = 10.0,
    ) -> None:
        self.device = device
        self.clock = clock or FakeClock()
        self.name = name
        self.compute_capability = compute_capability
        self.cuda_version = cuda_version
        self.total_mib = total_mib
        self.call_ns = call_ns
        self.enqueue_ns = enqueue_ns
        self.kernel_ns = kernel_ns
        self.bandwidth_gb_s = bandwidth_gb_s
        self.calls: list[str] = []
        self.closed = False
        self.kernels_count = 0
        self._failures: dict[str, tuple[int, Exception]] = {}
        self._memory: dict[int, npt.NDArray[np.uint8]] = {}
        self._stream_ready_ns: dict[int, float] = {}
        self._event_ns: dict[int, float | None] = {}
        self._untimed_events: set[int] = set()
        self.spinning_events: set[int] = set()
        self._graphs: dict[int, list[_Work]] = {}
        self._capturing: dict[int, list[_Work]] = {}
        self._next_handle = 0x1000

    # What a test scripts and inspects.

    def fail(self, method: str, error: Exception, after: int = 0) -> None:
        """Makes the method raise the error once, after `after` more calls without it."""
        self._failures[method] = (after, error)

    def kernel(self, stream: int, action: Callable[[], None] | None = None, duration_ns: float | None = None) -> None:
        """Enqueues one inference, as a runtime's enqueue function does.

        `action` computes its outputs; `duration_ns` is the network's duration, by default `kernel_ns`.
        """
        self._called("kernel", self.enqueue_ns)
        self._enqueue(stream, _Work(self._kernel_duration_ns if duration_ns is None else lambda: duration_ns, action))

    def read(self, pointer: int, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Device memory as an array, not a copy."""
        nbytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        return self._bytes(pointer, nbytes).view(dtype).reshape(shape)

    @property
    def allocated_bytes(self) -> int:
        """Device memory in use."""
        return sum(len(memory) for memory in self._memory.values())

    # The interface of CudaDriver.

    def allocate(self, nbytes: int) -> int:
        self._called("allocate")
        if self.allocated_bytes + nbytes > self.total_mib * _BYTES_PER_MIB:
            raise CudaOutOfMemoryError(f"cuMemAlloc failed: out of memory, {nbytes} bytes were requested.")
        pointer = self._handle(max(nbytes, 1))
        self._memory[pointer] = np.zeros(max(nbytes, 1), dtype=np.uint8)
        return pointer

    def free(self, pointer: int) -> None:
        self._called("free")
        self._known(pointer, self._memory)
        del self._memory[pointer]

    def pinned(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        self._called("pinned")
        return np.zeros(shape, dtype=dtype)

    def copy_to_device(self, pointer: int, array: npt.NDArray[Any], stream: int) -> None:
        self._called("copy_to_device", self.call_ns)
        self._copy(self._bytes(pointer, array.nbytes), _as_bytes(array), stream)

    def copy_to_host(self, array: npt.NDArray[Any], pointer: int, stream: int) -> None:
        self._called("copy_to_host", self.call_ns)
        self._copy(_as_bytes(array), self._bytes(pointer, array.nbytes), stream)

    def stream(self) -> int:
        self._called("stream")
        handle = self._handle()
        self._stream_ready_ns[handle] = 0.0
        return handle

    def event(self, spin: bool = False, timing: bool = True) -> int:
        self._called("event")
        handle = self._handle()
        self._event_ns[handle] = None
        if spin:
            self.spinning_events.add(handle)
        if not timing:
            self._untimed_events.add(handle)
        return handle

    def record(self, event: int, stream: int) -> None:
        self._called("record", self.call_ns)
        self._known(event, self._event_ns)
        self._known(stream, self._stream_ready_ns)
        if stream in self._capturing:
            raise CudaError("The fake records no events into graphs.")
        self._event_ns[event] = max(self._stream_ready_ns[stream], self.clock.now_ns)

    def wait(self, event: int) -> None:
        self._called("wait", self.call_ns)
        self._known(event, self._event_ns)
        self.clock.advance_to(self._event_ns[event] or 0.0)

    def synchronise(self, stream: int) -> None:
        self._called("synchronise", self.call_ns)
        self._known(stream, self._stream_ready_ns)
        if stream in self._capturing:
            raise CudaError("cuStreamSynchronize failed with CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED (900).")
        self.clock.advance_to(self._stream_ready_ns[stream])

    def elapsed_ms(self, first: int, last: int) -> float:
        self._called("elapsed_ms")
        moments = []
        for event in (first, last):
            self._known(event, self._event_ns)
            moment_ns = self._event_ns[event]
            if moment_ns is None or event in self._untimed_events:
                raise CudaError("cuEventElapsedTime failed with CUDA_ERROR_INVALID_HANDLE (400).")
            if moment_ns > self.clock.now_ns:
                raise CudaError("cuEventElapsedTime failed with CUDA_ERROR_NOT_READY (600).")
            moments.append(moment_ns)
        return float(np.float32((moments[1] - moments[0]) / 1e6))

    def capture(self, stream: int, enqueue: Callable[[], None]) -> int:
        self._called("capture")
        self._known(stream, self._stream_ready_ns)
        self._capturing[stream] = []
        try:
            enqueue()
        finally:
            captured = self._capturing.pop(stream)
        handle = self._handle()
        self._graphs[handle] = captured
        return handle

    def launch(self, graph: int, stream: int) -> None:
        self._called("launch", self.call_ns)
        self._known(graph, self._graphs)
        for work in self._graphs[graph]:
            self._enqueue(stream, work)

    def memory_mib(self) -> tuple[float, float]:
        self._called("memory_mib")
        return self.total_mib - self.allocated_bytes / _BYTES_PER_MIB, self.total_mib

    def close(self) -> None:
        self._called("close")
        self.closed = True
        self._memory.clear()

    def __enter__(self) -> FakeCudaDriver:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # Implementation.

    def _called(self, method: str, cost_ns: float = 0.0) -> None:
        if self.closed and method != "close":
            raise CudaError(f"{method} after close.")
        self.calls.append(method)
        self.clock.advance(cost_ns)
        if method in self._failures:
            remaining, error = self._failures.pop(method)
            if remaining == 0:
                raise error
            self._failures[method] = (remaining - 1, error)

    def _handle(self, size: int = 1) -> int:
        handle = self._next_handle
        self._next_handle += -(-size // 256) * 256
        return handle

    def _known(self, handle: int, things: dict[int, Any]) -> None:
        if handle not in things:
            raise CudaError(f"CUDA_ERROR_INVALID_HANDLE (400): {handle:#x} was freed, or never created.")

    def _bytes(self, pointer: int, nbytes: int) -> npt.NDArray[np.uint8]:
        """Memory from a pointer, which may point inside an allocation."""
        for start, memory in self._memory.items():
            if start <= pointer and pointer + nbytes <= start + len(memory):
                return memory[pointer - start : pointer - start + nbytes]
        raise CudaError(f"CUDA_ERROR_INVALID_VALUE (1): {nbytes} bytes at {pointer:#x} are not allocated.")

    def _copy(self, to: npt.NDArray[np.uint8], source: npt.NDArray[np.uint8], stream: int) -> None:
        def copy() -> None:
            to[:] = source

        self._enqueue(stream, _Work(lambda: len(source) / self.bandwidth_gb_s, copy))

    def _kernel_duration_ns(self) -> float:
        number = self.kernels_count
        self.kernels_count += 1
        return self.kernel_ns(number) if callable(self.kernel_ns) else self.kernel_ns

    def _enqueue(self, stream: int, work: _Work) -> None:
        self._known(stream, self._stream_ready_ns)
        if stream in self._capturing:
            self._capturing[stream].append(work)
            return
        begin_ns = max(self._stream_ready_ns[stream], self.clock.now_ns)
        self._stream_ready_ns[stream] = begin_ns + work.duration_ns()
        if work.action:
            work.action()


def _as_bytes(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if not array.flags.c_contiguous:
        raise ValueError("Only a C-contiguous array can be copied; use np.ascontiguousarray.")
    return array.reshape(-1).view(np.uint8)
