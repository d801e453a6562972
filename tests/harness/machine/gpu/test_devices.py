from __future__ import annotations

import ctypes

import pytest

from harness.errors import NoGpuError
from harness.machine.gpu.calls import CtypesCaller
from harness.machine.gpu.devices import _BUS_ID, _UUID, Uuid, cuda_device, cuda_devices, dashed
from harness.machine.gpu.driver import CudaDriver
from harness.machine.gpu.nvml import Nvml
from tests.fakes.cuda_devices import FakeDeviceCaller, FakeGpu

H200 = FakeGpu(
    name="NVIDIA H200", uuid="11111111-2222-3333-4444-0055000000ff", bus_id="0000:1B:00.0", sm_count=132, major=9
)


def test_a_device_is_described() -> None:
    first, second = cuda_devices(FakeDeviceCaller(H200, FakeGpu(), version=13010))
    assert (first.index, first.name, first.compute_capability, first.sm_count) == (0, "NVIDIA H200", "9.0", 132)
    assert (first.uuid, first.bus_id, first.cuda_version) == (H200.uuid, H200.bus_id, "13.1")
    assert (second.index, second.memory_mib) == (1, 40 * 1024)


def test_no_context_is_created() -> None:
    caller = FakeDeviceCaller(H200)
    cuda_devices(caller)
    assert caller.called[0] == "cuInit"
    assert not [name for name in caller.called if "Ctx" in name]


def test_a_missing_device_is_refused_with_the_available_ones() -> None:
    with pytest.raises(NoGpuError, match=r"no GPU 1: CUDA sees 0 \(NVIDIA H200\).*CUDA_VISIBLE_DEVICES"):
        cuda_device(1, FakeDeviceCaller(H200))
    with pytest.raises(NoGpuError, match="no GPU -1"):
        cuda_device(-1, FakeDeviceCaller(H200))
    with pytest.raises(NoGpuError, match="CUDA sees none"):
        cuda_device(0, FakeDeviceCaller())


@pytest.mark.parametrize(("code", "message"), [(100, "sees no GPU"), (803, "different versions: reboot")])
def test_a_driver_that_cannot_be_used_says_what_to_do(code: int, message: str) -> None:
    with pytest.raises(NoGpuError, match=message):
        cuda_devices(FakeDeviceCaller(H200, failures={"cuInit": code}))


def test_a_uuid_with_zero_bytes_comes_whole_from_a_library() -> None:
    """Through ctypes as on a real driver; the library's function is created here."""
    octets = bytes.fromhex("0011220000000000000000000000ff00")

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Uuid), ctypes.c_int)
    def get_uuid(place: ctypes._Pointer[Uuid], device: int) -> int:
        ctypes.memmove(place, octets, 16)
        return 0

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
    def get_bus_id(place: int, length: int, device: int) -> int:
        ctypes.memmove(place, b"0000:07:00.0\0", 13)
        return 0 if length == 256 else 1

    caller = CtypesCaller({"cuDeviceGetUuid_v2": get_uuid, "cuDeviceGetPCIBusId": get_bus_id})
    assert caller.bind(_UUID)(0) == (0, octets)
    assert caller.bind(_BUS_ID)(256, 0) == (0, b"0000:07:00.0")
    assert dashed(octets) == "00112200-0000-0000-0000-00000000ff00"


@pytest.mark.gpu
def test_the_real_devices_are_those_of_the_driver_and_of_nvml() -> None:
    device = cuda_device(0)
    with CudaDriver.open(0) as driver:
        assert device.name == driver.name
        assert device.compute_capability == ".".join(map(str, driver.compute_capability))
    assert device.sm_count > 0
    # NVML finds it by the UUID, not by the bus ID, which is tried last.
    nvml = Nvml()
    handles = [nvml.ask("nvmlDeviceGetHandleByUUID", f"{prefix}-{device.uuid}") for prefix in ("GPU", "MIG")]
    assert [handle for handle in handles if handle is not None]
    by_bus = nvml.ask("nvmlDeviceGetHandleByPciBusId", device.bus_id)
    assert by_bus is not None
    assert nvml.ask("nvmlDeviceGetName", by_bus) in device.name
