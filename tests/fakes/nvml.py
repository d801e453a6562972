"""A scripted NVML with the surface of the real module `pynvml` of nvidia-ml-py.

It has no list of names of its own: a name that the installed module lacks is an AttributeError here too, a call
that does not match a function's signature is a TypeError, constants and exceptions are the real ones. Only the
library behind it is scripted: `answers` maps a function's name to its result, to an exception it raises, or to
a function of its arguments; a function without an answer is not supported by this device.
"""

from __future__ import annotations

import inspect
from typing import Any

import pynvml

A100 = {
    "nvmlSystemGetDriverVersion": "550.54.14",
    "nvmlDeviceGetClockInfo": lambda handle, kind: {1: 1410, 2: 1215}[kind],
    "nvmlDeviceGetMaxClockInfo": lambda handle, kind: {1: 1410, 2: 1215}[kind],
    "nvmlDeviceGetApplicationsClock": lambda handle, kind: {1: 1095, 2: 1215}[kind],
    "nvmlDeviceGetPowerUsage": 250_000,
    "nvmlDeviceGetEnforcedPowerLimit": 400_000,
    "nvmlDeviceGetPowerManagementDefaultLimit": 400_000,
    "nvmlDeviceGetTotalEnergyConsumption": 1_000_000,
    "nvmlDeviceGetTemperature": 50,
    "nvmlDeviceGetCurrentClocksEventReasons": 0,
    "nvmlDeviceGetViolationStatus": lambda handle, policy: pynvml.c_nvmlViolationTime_t(0, 0),
    "nvmlDeviceGetPerformanceState": 0,
    "nvmlDeviceGetUtilizationRates": pynvml.c_nvmlUtilization_t(0, 0),
    "nvmlDeviceGetComputeRunningProcesses_v3": [],
    "nvmlDeviceGetPersistenceMode": 1,
    "nvmlDeviceGetEccMode": [1, 1],
    "nvmlDeviceGetMigMode": [0, 0],
    "nvmlDeviceGetMaxPcieLinkGeneration": 4,
    "nvmlDeviceGetMaxPcieLinkWidth": 16,
}
"""Answers of an idle A100 without processes."""

A100_UUID = "0f2e4d6c-8ba9-c7e5-0312-a4b6c8daecfe"
A100_BUS_ID = "0000:07:00.0"


def processes(*pids: int) -> list[Any]:
    """The result of the functions that list processes."""
    return [pynvml.nvmlFriendlyObject({"pid": pid, "usedGpuMemory": 1 << 20}) for pid in pids]


class FakeNvml:
    """Stands in for the module; put it into `sys.modules["pynvml"]`.

    Args:
        answers: by function; `None` means those of an A100.
        uuids: the UUIDs it knows, with their prefix; a handle is the index in it.
        bus_ids: the PCI bus IDs it knows; a handle is the index in it.
        missing: functions that the driver's library lacks.
        init_error: code with which `nvmlInit` fails.
    """

    def __init__(
        self,
        answers: dict[str, Any] | None = None,
        *,
        uuids: tuple[str, ...] = (f"GPU-{A100_UUID}",),
        bus_ids: tuple[str, ...] = (A100_BUS_ID,),
        missing: tuple[str, ...] = (),
        init_error: int | None = None,
    ) -> None:
        self.answers = dict(A100 if answers is None else answers)
        self.missing = missing
        self.calls: list[str] = []
        self._initialised = False
        self._known = {"nvmlDeviceGetHandleByUUID": uuids, "nvmlDeviceGetHandleByPciBusId": bus_ids}
        self._init_error = init_error

    def __getattr__(self, name: str) -> Any:
        real = getattr(pynvml, name)
        if not name.startswith("nvml") or not inspect.isfunction(real):
            return real
        signature = inspect.signature(real)

        def call(*arguments: Any) -> Any:
            signature.bind(*arguments)
            self.calls.append(name)
            return self._call(name, arguments)

        return call

    def _call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if name == "nvmlInit":
            if self._init_error is not None:
                raise pynvml.NVMLError(self._init_error)
            self._initialised = True
            return None
        if not self._initialised:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)
        if name in self.missing:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
        if name in self._known:
            if arguments[0] not in self._known[name]:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
            return self._known[name].index(arguments[0])
        answer = self.answers.get(name, pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED))
        if isinstance(answer, Exception):
            raise answer
        return answer(*arguments) if callable(answer) else answer
