"""Reads NVIDIA's management library through the package nvidia-ml-py (module `pynvml`).

Nothing here raises for a value that a device, its driver or its mode does not report (a Jetson reports little, a
MIG instance no power, a consumer card no ECC): such a value is None. Only a library that cannot be used at all
raises, and the message says what to do.

Functions and units: NVML API reference, https://docs.nvidia.com/deploy/nvml-api/.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from harness.errors import NvmlUnavailableError
from harness.machine.gpu import clock_events

_MILLIWATTS_PER_WATT = 1000.0

# From nvml.h.
CLOCK_SM = 1
CLOCK_MEMORY = 2
_TEMPERATURE_GPU = 0
_PERF_POLICY_THERMAL = 1
_PSTATE_UNKNOWN = 32

# By `nvmlReturn_t`: why the library cannot be used, and what to do.
_WHY_NOT = {
    4: "The system denies access to the GPU. Give the user the rights to /dev/nvidia* (its group, or the container's "
    "--gpus).",
    9: "The NVIDIA kernel module is not loaded. Load it (sudo modprobe nvidia), or install the driver.",
    12: "There is no libnvidia-ml. Install the NVIDIA driver; in a container, request the utility capability "
    "(NVIDIA_DRIVER_CAPABILITIES=compute,utility). A Jetson before JetPack 6 has none.",
    18: "The library and the loaded kernel module have different versions: the driver was updated after the "
    "machine started. Reboot, or load the module of the installed driver.",
}
_WHY_NOT_OTHERWISE = "Check whether `nvidia-smi` runs; if not, reinstall the NVIDIA driver and reboot."

_NOT_INSTALLED = (
    "nvidia-ml-py is not installed, so the GPU's clocks, power and processes are not known: pip install nvidia-ml-py"
)
_STRANGER = (
    "The module pynvml does not come from nvidia-ml-py 12.570 or newer, so the GPU's clocks, power and processes are "
    "not known: pip uninstall pynvml, then pip install --upgrade nvidia-ml-py"
)


@dataclasses.dataclass(frozen=True)
class GpuReading:
    """State of a device at one moment; a value that the device does not report is None."""

    sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    power_w: float | None = None
    """Power of the whole board: averaged over a second on most GPUs since Ampere, instantaneous before and on GA100."""
    energy_mj: int | None = None
    """Counter of the whole board since the driver was loaded."""
    temperature_c: int | None = None
    throttle_reasons: tuple[str, ...] | None = None
    """As `clock_events.decode` returns them."""
    thermal_violation_ns: int | None = None
    """Counter of the time that heat kept the clock down."""
    performance_state: int | None = None
    """0 is the fastest, 15 the slowest."""
    utilisation_percent: int | None = None
    """Share of the driver's last sample period, 1/6 s to 1 s, in which any kernel ran."""
    pids: tuple[int, ...] | None = None
    """Processes with a compute context, with IDs of the driver's namespace (`harness.machine.gpu.processes`)."""


class Nvml:
    """The library; it stays initialised until the process ends, which also keeps the driver from unloading."""

    def __init__(self) -> None:
        """Loads and initialises the library.

        Raises:
            NvmlUnavailableError: the library cannot be used; the message says what is missing.
        """
        try:
            import pynvml
        except ImportError as error:
            raise NvmlUnavailableError(_NOT_INSTALLED) from error
        if not hasattr(pynvml, "nvmlDeviceGetTemperatureV"):
            raise NvmlUnavailableError(_STRANGER)
        self._nvml = pynvml
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            advice = _WHY_NOT.get(error.value, _WHY_NOT_OTHERWISE)
            raise NvmlUnavailableError(f"NVML cannot be used ({str(error).rstrip('.')}). {advice}") from error

    def driver_version(self) -> str | None:
        """Returns the driver's version, as in `550.54.14`."""
        version: str | None = self.ask("nvmlSystemGetDriverVersion")
        return version

    def device(self, uuid: str, bus_id: str) -> NvmlDevice:
        """Returns the device that CUDA knows by this UUID and PCI bus ID.

        NVML numbers devices in a different order from CUDA, and lists all of them whatever CUDA_VISIBLE_DEVICES says,
        so an index is meaningless here. If the process runs on a MIG instance, CUDA's UUID is the instance's, which
        NVML knows by another prefix.

        Raises:
            NvmlUnavailableError: NVML knows neither the UUID nor the bus ID.
        """
        for prefix in ("GPU", "MIG"):
            handle = self.ask("nvmlDeviceGetHandleByUUID", f"{prefix}-{uuid}")
            if handle is not None:
                return NvmlDevice(self, handle)
        handle = self.ask("nvmlDeviceGetHandleByPciBusId", bus_id)
        if handle is None:
            raise NvmlUnavailableError(
                f"NVML does not know the GPU {uuid} at {bus_id}, so its clocks, power and processes are not known. "
                "Compare the output of `nvidia-smi -L`, which does not list a Jetson's GPU."
            )
        return NvmlDevice(self, handle)

    def ask(self, function: str, *arguments: Any) -> Any:
        """Returns the result of a function of `pynvml`; None if the driver or device refuses or lacks it."""
        call = getattr(self._nvml, function)
        try:
            return call(*arguments)
        except self._nvml.NVMLError:
            return None


class NvmlDevice:
    """One GPU, or one MIG instance of it."""

    def __init__(self, nvml: Nvml, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle
        # Not `is True`: some versions of the package return a ctypes integer.
        self.is_mig_instance = bool(nvml.ask("nvmlDeviceIsMigDeviceHandle", handle))
        # An instance is a share of a GPU: clocks, temperature and limits belong to the whole GPU.
        parent = nvml.ask("nvmlDeviceGetDeviceHandleFromMigDeviceHandle", handle) if self.is_mig_instance else None
        self._gpu = handle if parent is None else parent

    def ask(self, function: str, *arguments: Any) -> Any:
        """Returns a function's result for the whole GPU; None if there is none."""
        return self._nvml.ask(function, self._gpu, *arguments)

    def read(self) -> GpuReading:
        """Reads the device: a dozen calls of microseconds to a millisecond each, so never inside a timed block."""
        utilisation = self.ask("nvmlDeviceGetUtilizationRates")
        violation = self.ask("nvmlDeviceGetViolationStatus", _PERF_POLICY_THERMAL)
        return GpuReading(
            sm_clock_mhz=self.ask("nvmlDeviceGetClockInfo", CLOCK_SM),
            memory_clock_mhz=self.ask("nvmlDeviceGetClockInfo", CLOCK_MEMORY),
            # The share of a MIG instance in power and energy is unknown.
            power_w=None if self.is_mig_instance else self.watts("nvmlDeviceGetPowerUsage"),
            energy_mj=self.energy_mj(),
            temperature_c=self._temperature_c(),
            throttle_reasons=self._throttle_reasons(),
            thermal_violation_ns=None if violation is None else violation.violationTime,
            performance_state=self._performance_state(),
            utilisation_percent=None if utilisation is None else utilisation.gpu,
            pids=self._pids(),
        )

    def energy_mj(self) -> int | None:
        """Reads the board's energy counter; None for a MIG instance, whose share of it is unknown."""
        counter: int | None = None if self.is_mig_instance else self.ask("nvmlDeviceGetTotalEnergyConsumption")
        return counter

    def watts(self, function: str) -> float | None:
        """Returns, in watts, the result of a function that reports milliwatts."""
        milliwatts = self.ask(function)
        return None if milliwatts is None else milliwatts / _MILLIWATTS_PER_WATT

    def _temperature_c(self) -> int | None:
        newer = self.ask("nvmlDeviceGetTemperatureV", _TEMPERATURE_GPU)
        found: int | None = self.ask("nvmlDeviceGetTemperature", _TEMPERATURE_GPU) if newer is None else newer
        return found

    def _throttle_reasons(self) -> tuple[str, ...] | None:
        mask = self.ask("nvmlDeviceGetCurrentClocksEventReasons")
        if mask is None:  # Drivers before R535 know only the old name.
            mask = self.ask("nvmlDeviceGetCurrentClocksThrottleReasons")
        return None if mask is None else clock_events.decode(mask)

    def _performance_state(self) -> int | None:
        state: int | None = self.ask("nvmlDeviceGetPerformanceState")
        return None if state == _PSTATE_UNKNOWN else state

    def _pids(self) -> tuple[int, ...] | None:
        """Returns the processes on this device; on a MIG instance, only those of the instance."""
        for function in ("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"):
            found = self._nvml.ask(function, self._handle)
            if found is not None:
                return tuple(process.pid for process in found)
        return None
