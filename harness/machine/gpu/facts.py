"""Facts and settings of a GPU that may change a latency."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path
from typing import Any

from harness.errors import NvmlUnavailableError
from harness.machine.gpu.devices import CudaDevice, cuda_device
from harness.machine.gpu.nvml import CLOCK_MEMORY, CLOCK_SM, Nvml, NvmlDevice
from harness.machine.gpu.settings import GpuSettings
from harness.machine.jetson import JetsonFacts, jetson_facts
from harness.machine.linux_facts import read_stripped

# Facts that may change a latency. The bus ID, which distinguishes equal cards, does not; nor does the memory's size,
# which decides whether something runs at all, nor persistence mode, which only shortens the first use.
_IDENTITY = (
    "name",
    "compute_capability",
    "sm_count",
    "cuda_version",
    "driver_version",
    "power_limit_w",
    "application_clock_sm_mhz",
    "application_clock_memory_mhz",
    "clock_max_sm_mhz",
    "clock_max_memory_mhz",
    "ecc",
    "mig",
    "pcie_generation_max",
    "pcie_width_max",
)


@dataclasses.dataclass(frozen=True)
class GpuFacts:
    """Facts of one GPU; an unavailable fact is None.

    Clocks locked with `nvidia-smi --lock-gpu-clocks` are not among them: the driver accepts such a lock but does not
    report it. The clock read during the trials shows it (`GpuFigures.sm_clock_mhz`).
    """

    name: str
    """As CUDA reports it; for a MIG instance it contains the profile, as in `NVIDIA A100-SXM4-40GB MIG 1g.5gb`."""
    compute_capability: str
    sm_count: int
    memory_mib: int
    cuda_version: str
    """The newest CUDA version that the driver supports; the runtime may use another."""
    bus_id: str
    driver_version: str | None = None
    power_limit_w: float | None = None
    """The limit that the driver enforces, all limits considered."""
    power_limit_default_w: float | None = None
    persistence_mode: bool | None = None
    application_clock_sm_mhz: int | None = None
    application_clock_memory_mhz: int | None = None
    clock_max_sm_mhz: int | None = None
    clock_max_memory_mhz: int | None = None
    ecc: bool | None = None
    mig: bool | None = None
    """Whether the GPU is divided into instances."""
    pcie_generation_max: int | None = None
    """The fastest link that both card and slot support; an idle link may be slower."""
    pcie_width_max: int | None = None
    jetson: JetsonFacts | None = None

    @property
    def device(self) -> str:
        """The GPU in words: `NVIDIA A100-SXM4-40GB, driver 550.54.14` or `Orin, L4T 36.4.7, MAXN`."""
        if self.jetson:
            words = [self.name, f"L4T {self.jetson.l4t_release}", self.jetson.power_mode]
        else:
            words = [self.name, f"driver {self.driver_version or f'for CUDA {self.cuda_version}'}"]
        return ", ".join(word for word in words if word)

    @property
    def identity(self) -> dict[str, Any]:
        """The facts that must be equal for latencies to be ranked against each other."""
        facts = {name: getattr(self, name) for name in _IDENTITY}
        return {**facts, "jetson": dataclasses.asdict(self.jetson) if self.jetson else None}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> GpuFacts:
        """The facts read back from the output of `dataclasses.asdict`."""
        jetson = data["jetson"]
        return cls(**{**data, "jetson": JetsonFacts(**jetson) if jetson else None})


@dataclasses.dataclass(frozen=True)
class Accelerator:
    """A GPU and the runtime that measures on it: the part of an environment besides the processor."""

    gpu: GpuFacts
    runtime: str
    """Name and version, as in `tensorrt 10.16.1`."""

    @property
    def identity(self) -> dict[str, Any]:
        """The facts that must be equal for latencies to be ranked against each other."""
        return {"gpu": self.gpu.identity, "runtime": self.runtime}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Accelerator:
        """The facts read back from the output of `dataclasses.asdict`."""
        return cls(GpuFacts.from_json(data["gpu"]), data["runtime"])


def accelerator(gpu: GpuSettings, runtime: str) -> Accelerator:
    """The GPU and its runtime as part of the environment; no context is created on the device.

    Args:
        gpu: which GPU.
        runtime: name and version, as in `tensorrt 10.16.1`.

    Raises:
        NoGpuError: there is no such GPU.
    """
    return Accelerator(gpu_facts(gpu.device), runtime)


def gpu_facts(index: int) -> GpuFacts:
    """The facts of the GPU with CUDA index `index`, read without a context on it.

    Raises:
        NoGpuError: there is no usable driver, or no such GPU.
    """
    return facts_of(cuda_device(index))


def facts_of(device: CudaDevice) -> GpuFacts:
    """The facts of a device: from CUDA as far as it reports them, the rest from NVML if it can be used."""
    facts = GpuFacts(
        name=device.name,
        compute_capability=device.compute_capability,
        sm_count=device.sm_count,
        memory_mib=device.memory_mib,
        cuda_version=device.cuda_version,
        bus_id=device.bus_id,
        driver_version=kernel_module_version(),
        jetson=jetson_facts() if sys.platform == "linux" else None,
    )
    try:
        nvml = Nvml()
        facts = dataclasses.replace(facts, driver_version=nvml.driver_version() or facts.driver_version)
        return dataclasses.replace(facts, **_settings(nvml.device(device.uuid, device.bus_id)))
    except NvmlUnavailableError:
        return facts


def _settings(gpu: NvmlDevice) -> dict[str, Any]:
    """The GPU's settings, by field of GpuFacts."""
    return {
        "power_limit_w": gpu.watts("nvmlDeviceGetEnforcedPowerLimit"),
        "power_limit_default_w": gpu.watts("nvmlDeviceGetPowerManagementDefaultLimit"),
        "persistence_mode": _switch(gpu.ask("nvmlDeviceGetPersistenceMode")),
        "application_clock_sm_mhz": gpu.ask("nvmlDeviceGetApplicationsClock", CLOCK_SM),
        "application_clock_memory_mhz": gpu.ask("nvmlDeviceGetApplicationsClock", CLOCK_MEMORY),
        "clock_max_sm_mhz": gpu.ask("nvmlDeviceGetMaxClockInfo", CLOCK_SM),
        "clock_max_memory_mhz": gpu.ask("nvmlDeviceGetMaxClockInfo", CLOCK_MEMORY),
        # Both functions return the current state and the state after the next reboot.
        "ecc": _switch((gpu.ask("nvmlDeviceGetEccMode") or [None])[0]),
        "mig": _switch((gpu.ask("nvmlDeviceGetMigMode") or [None])[0]),
        "pcie_generation_max": gpu.ask("nvmlDeviceGetMaxPcieLinkGeneration"),
        "pcie_width_max": gpu.ask("nvmlDeviceGetMaxPcieLinkWidth"),
    }


def _switch(state: int | None) -> bool | None:
    return None if state is None else bool(state)


def kernel_module_version(root: Path = Path("/")) -> str | None:
    """Version of the loaded kernel module, as in `550.54.14`, if Linux reports it without NVML."""
    text = read_stripped(root / "proc/driver/nvidia/version")
    found = re.search(r"Kernel Module.*?\s(\d+\.\d+(?:\.\d+)?)\s", text or "")
    return found[1] if found else None
