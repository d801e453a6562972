"""A scripted CUDA driver library that only answers queries of devices: a `harness.machine.gpu.calls.Caller`."""

from __future__ import annotations

import dataclasses
from typing import Any

from harness.machine.gpu.calls import Function, Raw

# From CUdevice_attribute in cuda.h.
_ATTRIBUTES = {16: "sm_count", 75: "major", 76: "minor"}


@dataclasses.dataclass(frozen=True)
class FakeGpu:
    """What the driver reports about one device."""

    name: str = "NVIDIA A100-SXM4-40GB"
    uuid: str = "0f2e4d6c-8ba9-c7e5-0312-a4b6c8daecfe"
    bus_id: str = "0000:07:00.0"
    sm_count: int = 108
    major: int = 8
    minor: int = 0
    total_bytes: int = 40 << 30


class FakeDeviceCaller:
    """Answers as the driver library would; `called` lists the functions.

    Args:
        gpus: in CUDA's order.
        version: the result of cuDriverGetVersion.
        failures: codes that functions return instead of 0.
    """

    def __init__(self, *gpus: FakeGpu, version: int = 12040, failures: dict[str, int] | None = None) -> None:
        self.gpus = gpus
        self.version = version
        self.failures = failures or {}
        self.called: list[str] = []

    def bind(self, function: Function) -> Raw:
        def call(*inputs: Any) -> tuple[Any, ...]:
            assert len(inputs) == len(function.inputs)
            self.called.append(function.name)
            outputs = self._answer(function.name, inputs)
            assert len(outputs) == len(function.outputs)
            return (self.failures.get(function.name, 0), *outputs)

        return call

    def _answer(self, name: str, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        if name == "cuDeviceGetAttribute":
            attribute, index = inputs
            return (getattr(self.gpus[index], _ATTRIBUTES[attribute]),)
        device = self.gpus[inputs[-1]] if name.startswith("cuDevice") and inputs else FakeGpu()
        answers: dict[str, tuple[Any, ...]] = {
            "cuInit": (),
            "cuDriverGetVersion": (self.version,),
            "cuDeviceGetCount": (len(self.gpus),),
            "cuDeviceGet": inputs,
            "cuDeviceGetName": (device.name.encode(),),
            "cuDeviceTotalMem": (device.total_bytes,),
            "cuDeviceGetUuid": (bytes.fromhex(device.uuid.replace("-", "")),),
            "cuDeviceGetPCIBusId": (device.bus_id.encode(),),
            "cuGetErrorName": (b"CUDA_ERROR",),
            "cuGetErrorString": (b"an error",),
        }
        return answers[name]
