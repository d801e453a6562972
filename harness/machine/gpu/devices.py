"""The GPUs in CUDA's numbering, identified without a context on any of them.

A context takes hundreds of MiB on its device and counts as a process there. Code that only needs to know which GPU
`--device 0` is, such as the process that starts the trials, uses this module.
"""

from __future__ import annotations

import ctypes
import dataclasses
from typing import Any

from foundation.units import BYTES_PER_MIB
from harness.errors import NoGpuError
from harness.machine.gpu.calls import FUNCTIONS, NAME, Caller, CtypesCaller, Function, load_library
from harness.machine.gpu.driver import checked

# From CUdevice_attribute in cuda.h.
_MULTIPROCESSOR_COUNT = 16
_COMPUTE_CAPABILITY_MAJOR = 75
_COMPUTE_CAPABILITY_MINOR = 76

_NEEDED = (
    *("cuInit", "cuDriverGetVersion", "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName"),
    *("cuDeviceGetAttribute", "cuDeviceTotalMem", "cuGetErrorName", "cuGetErrorString"),
)


class Uuid(ctypes.Structure):
    """CUuuid, 16 bytes."""

    _fields_ = (("octets", ctypes.c_ubyte * 16),)

    @property
    def value(self) -> bytes:
        """The bytes, under the name that simple ctypes objects use for their value."""
        return bytes(self.octets)


_UUID = Function("cuDeviceGetUuid", (ctypes.c_int,), (Uuid,), symbol="cuDeviceGetUuid_v2")
_BUS_ID = Function("cuDeviceGetPCIBusId", (ctypes.c_int, ctypes.c_int), (NAME,))


@dataclasses.dataclass(frozen=True)
class CudaDevice:
    """A GPU, or the MIG instance that this process may use."""

    index: int
    """CUDA's number of the GPU in this process, after CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER."""
    name: str
    compute_capability: str
    """As in `8.0`."""
    sm_count: int
    memory_mib: int
    cuda_version: str
    """The newest CUDA version that the driver supports, as in `12.4`."""
    uuid: str
    """As in `0f2e4d6c-8ba9-c7e5-0312-a4b6c8daecfe`; a MIG instance has its own."""
    bus_id: str
    """As in `0000:07:00.0`."""


def cuda_devices(caller: Caller | None = None) -> list[CudaDevice]:
    """All GPUs that CUDA sees, in its order.

    Raises:
        NoGpuError: there is no usable driver.
    """
    caller = caller or CtypesCaller(load_library())
    wanted = [function for function in FUNCTIONS if function.name in _NEEDED]
    raw = {function.name: caller.bind(function) for function in (*wanted, _UUID, _BUS_ID)}
    call = {name: checked(name, raw) for name in raw}
    call["cuInit"](0)
    version = call["cuDriverGetVersion"]()
    cuda_version = f"{version // 1000}.{version % 1000 // 10}"

    def describe(index: int) -> CudaDevice:
        device = call["cuDeviceGet"](index)

        def attribute(number: int) -> Any:
            return call["cuDeviceGetAttribute"](number, device)

        return CudaDevice(
            index=index,
            name=call["cuDeviceGetName"](256, device).decode("utf-8", "replace"),
            compute_capability=f"{attribute(_COMPUTE_CAPABILITY_MAJOR)}.{attribute(_COMPUTE_CAPABILITY_MINOR)}",
            sm_count=attribute(_MULTIPROCESSOR_COUNT),
            memory_mib=call["cuDeviceTotalMem"](device) // BYTES_PER_MIB,
            cuda_version=cuda_version,
            uuid=dashed(call["cuDeviceGetUuid"](device)),
            bus_id=call["cuDeviceGetPCIBusId"](256, device).decode("ascii", "replace"),
        )

    return [describe(index) for index in range(call["cuDeviceGetCount"]())]


def cuda_device(index: int, caller: Caller | None = None) -> CudaDevice:
    """The GPU with this index.

    Raises:
        NoGpuError: there is no usable driver, or no such GPU.
    """
    devices = cuda_devices(caller)
    if not 0 <= index < len(devices):
        there = ", ".join(f"{device.index} ({device.name})" for device in devices) or "none"
        raise NoGpuError(
            f"There is no GPU {index}: CUDA sees {there}. Choose another --device; CUDA_VISIBLE_DEVICES may hide GPUs "
            "that `nvidia-smi -L` lists."
        )
    return devices[index]


def dashed(octets: bytes) -> str:
    """A UUID's 16 bytes in the usual groups of 4, 2, 2, 2 and 6 bytes."""
    text = octets.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
