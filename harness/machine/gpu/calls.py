"""The functions of the CUDA driver that are used, and two ways to call them.

One table lists each function, its symbol in the driver library and its parameters. They are called through
`cuda.bindings` (the package cuda-bindings) if it is installed and supports the driver, otherwise in the library
itself through ctypes, so that neither torch nor a CUDA toolkit is ever needed. Both ways take plain integers for
handles and addresses and return plain integers, so all code above is the same for both.

Signatures: the CUDA driver API, https://docs.nvidia.com/cuda/cuda-driver-api/. Symbols: `cuda.h` renames
functions whose meaning changed (`cuMemAlloc` is `cuMemAlloc_v2` in the library), which ctypes does not see.
"""

from __future__ import annotations

import ctypes
import dataclasses
import sys
from collections.abc import Callable
from typing import Any, Protocol

from harness.errors import CudaError, NoGpuError

HANDLE = ctypes.c_void_p
ADDRESS = ctypes.c_uint64
"""CUdeviceptr, an unsigned long long on 64 bits."""
NAME = ctypes.c_char * 256


@dataclasses.dataclass(frozen=True)
class Function:
    """A function of the driver; every function returns a CUresult."""

    name: str
    inputs: tuple[Any, ...] = ()
    outputs: tuple[Any, ...] = ()
    symbol: str = ""
    """Name in the library, if it differs."""
    outputs_last: bool = False
    """Whether the C function takes the pointers to its outputs after its inputs, not before."""
    enums: tuple[str, ...] = ()
    """The bindings' class for each of the first inputs; they do not accept a plain integer for an enumeration."""


FUNCTIONS = (
    Function("cuInit", (ctypes.c_uint,)),
    Function("cuDriverGetVersion", (), (ctypes.c_int,)),
    Function("cuDeviceGetCount", (), (ctypes.c_int,)),
    Function("cuDeviceGet", (ctypes.c_int,), (ctypes.c_int,)),
    Function("cuDeviceGetName", (ctypes.c_int, ctypes.c_int), (NAME,)),
    Function("cuDeviceGetAttribute", (ctypes.c_int, ctypes.c_int), (ctypes.c_int,), enums=("CUdevice_attribute",)),
    Function("cuDeviceTotalMem", (ctypes.c_int,), (ctypes.c_size_t,), symbol="cuDeviceTotalMem_v2"),
    Function("cuDevicePrimaryCtxSetFlags", (ctypes.c_int, ctypes.c_uint), symbol="cuDevicePrimaryCtxSetFlags_v2"),
    Function("cuDevicePrimaryCtxRetain", (ctypes.c_int,), (HANDLE,)),
    Function("cuDevicePrimaryCtxRelease", (ctypes.c_int,), symbol="cuDevicePrimaryCtxRelease_v2"),
    Function("cuCtxSetCurrent", (HANDLE,)),
    Function("cuMemGetInfo", (), (ctypes.c_size_t, ctypes.c_size_t), symbol="cuMemGetInfo_v2"),
    Function("cuMemAlloc", (ctypes.c_size_t,), (ADDRESS,), symbol="cuMemAlloc_v2"),
    Function("cuMemFree", (ADDRESS,), symbol="cuMemFree_v2"),
    Function("cuMemHostAlloc", (ctypes.c_size_t, ctypes.c_uint), (HANDLE,)),
    Function("cuMemFreeHost", (HANDLE,)),
    Function("cuMemcpyHtoDAsync", (ADDRESS, HANDLE, ctypes.c_size_t, HANDLE), symbol="cuMemcpyHtoDAsync_v2"),
    Function("cuMemcpyDtoHAsync", (HANDLE, ADDRESS, ctypes.c_size_t, HANDLE), symbol="cuMemcpyDtoHAsync_v2"),
    Function("cuStreamCreate", (ctypes.c_uint,), (HANDLE,)),
    Function("cuStreamSynchronize", (HANDLE,)),
    Function("cuStreamDestroy", (HANDLE,), symbol="cuStreamDestroy_v2"),
    Function(
        "cuStreamBeginCapture",
        (HANDLE, ctypes.c_int),
        symbol="cuStreamBeginCapture_v2",
        enums=("", "CUstreamCaptureMode"),
    ),
    Function("cuStreamEndCapture", (HANDLE,), (HANDLE,), outputs_last=True),
    Function("cuGraphInstantiate", (HANDLE, ctypes.c_ulonglong), (HANDLE,), symbol="cuGraphInstantiateWithFlags"),
    Function("cuGraphDestroy", (HANDLE,)),
    Function("cuGraphLaunch", (HANDLE, HANDLE)),
    Function("cuGraphExecDestroy", (HANDLE,)),
    Function("cuEventCreate", (ctypes.c_uint,), (HANDLE,)),
    Function("cuEventRecord", (HANDLE, HANDLE)),
    Function("cuEventSynchronize", (HANDLE,)),
    Function("cuEventElapsedTime", (HANDLE, HANDLE), (ctypes.c_float,)),
    Function("cuEventDestroy", (HANDLE,), symbol="cuEventDestroy_v2"),
    Function("cuGetErrorName", (ctypes.c_int,), (ctypes.c_char_p,), outputs_last=True, enums=("CUresult",)),
    Function("cuGetErrorString", (ctypes.c_int,), (ctypes.c_char_p,), outputs_last=True, enums=("CUresult",)),
)

Raw = Callable[..., tuple[Any, ...]]
"""Takes a function's inputs; returns its code and, if that is 0, its outputs."""


class Caller(Protocol):
    """A way to call the driver."""

    def bind(self, function: Function) -> Raw:
        """Returns the function, ready to be called.

        Raises:
            NoGpuError: the driver lacks the function.
        """


class CtypesCaller:
    """Calls the driver library directly."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def bind(self, function: Function) -> Raw:
        """See `Caller.bind`."""
        try:
            # By item, not by attribute: this creates a new function object, whose types are set here.
            symbol = self._library[function.symbol or function.name]
        except AttributeError as error:
            raise _missing(function) from error
        places = tuple(ctypes.POINTER(kind) for kind in function.outputs)
        symbol.argtypes = function.inputs + places if function.outputs_last else places + function.inputs
        symbol.restype = ctypes.c_int

        if not function.outputs:
            return lambda *inputs: (symbol(*inputs),)

        def call(*inputs: Any) -> tuple[Any, ...]:
            outputs = tuple(kind() for kind in function.outputs)
            references = tuple(map(ctypes.byref, outputs))
            code = symbol(*inputs, *references) if function.outputs_last else symbol(*references, *inputs)
            return (0, *(output.value for output in outputs)) if code == 0 else (code,)

        return call


class BindingsCaller:
    """Calls the driver through `cuda.bindings.driver`."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def bind(self, function: Function) -> Raw:
        """See `Caller.bind`."""
        try:
            bound = getattr(self._module, function.name)
            enums = [getattr(self._module, name) if name else None for name in function.enums]
        except AttributeError as error:
            raise _missing(function) from error

        def call(*inputs: Any) -> tuple[Any, ...]:
            named = [enum(value) if enum else value for enum, value in zip(enums, inputs, strict=False)]
            try:
                code, *outputs = bound(*named, *inputs[len(named) :])
            except ValueError as error:  # A code of a newer driver, which their CUresult does not have.
                raise CudaError(
                    f"{function.name} failed with a code that cuda-bindings does not know ({error}). Upgrade or "
                    "uninstall cuda-bindings, which is optional."
                ) from error
            return (0, *map(_plain, outputs)) if code == 0 else (int(code),)

        return call


def _plain(value: Any) -> Any:
    """Converts an output of the bindings, with handles as objects and names padded, to what ctypes returns."""
    if isinstance(value, bytes):
        return value.partition(b"\0")[0]
    return value if isinstance(value, float) else int(value)


def _missing(function: Function) -> NoGpuError:
    return NoGpuError(
        f"No GPU can be used: the NVIDIA driver has no {function.symbol or function.name}, so it is too old. "
        "Install one for CUDA 11.4 or newer (R470)."
    )


def find_caller() -> Caller:
    """Returns the bindings if they are installed and can use the driver, otherwise ctypes.

    Raises:
        NoGpuError: there is no driver library.
    """
    return bindings_caller() or CtypesCaller(load_library())


def bindings_caller() -> BindingsCaller | None:
    """Returns the caller that uses cuda-bindings; None if it is not installed or cannot use this driver.

    Bindings with a newer major version than the driver call functions by names that the driver lacks: version 13 uses
    `cuEventElapsedTime_v2`, which was added in 12.8. The library still has every older name.
    """
    try:
        from cuda.bindings import driver

        # The bindings load the library at the first call; they search fewer places than `load_library`.
        code, version = driver.cuDriverGetVersion()
    except (ImportError, RuntimeError):
        return None
    if code != 0 or version // 1000 < driver.CUDA_VERSION // 1000:
        return None
    return BindingsCaller(driver)


def library_names() -> tuple[str, ...]:
    """Where the driver library may be: its name, then the places that a loader's path may miss."""
    if sys.platform == "win32":
        return ("nvcuda.dll",)
    return (
        "libcuda.so.1",
        "/usr/lib/wsl/lib/libcuda.so.1",
        "/usr/lib/aarch64-linux-gnu/nvidia/libcuda.so.1",
        "/usr/lib/aarch64-linux-gnu/tegra/libcuda.so.1",
    )


def load_library() -> ctypes.CDLL:
    """Loads the driver library: of a graphics card, of WSL (the third from last place) or of a Jetson (the last two).

    Raises:
        NoGpuError: the library was not found.
    """
    failures = []
    for name in library_names():
        try:
            return ctypes.CDLL(name)
        except OSError as error:
            failures.append(str(error))
    raise NoGpuError(
        f"No GPU can be used: the NVIDIA driver library was not found ({failures[0]}). Install the NVIDIA driver; "
        "in a container, request GPUs (docker run --gpus all)."
    )
