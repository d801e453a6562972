"""Checks, between groups of blocks, whether a GPU ran undisturbed while something was timed on it."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable
from typing import Any

from harness.errors import NvmlUnavailableError
from harness.machine.gpu import clock_events
from harness.machine.gpu.devices import cuda_device
from harness.machine.gpu.nvml import GpuReading, Nvml, NvmlDevice
from harness.machine.gpu.processes import foreign_count, own_pids
from harness.machine.meter import CpuMeter, CpuReading, Disturbance, foreign_cores
from harness.machine.processor import allowed_cpus

# Between two readings of a steady GPU the clock changes by at most a step or two of 15 MHz, which is 1 to 2 %.
_CLOCK_SPREAD_LIMIT = 0.05


@dataclasses.dataclass(frozen=True)
class MeterReading:
    """State of the GPU and of the processor at one moment."""

    gpu: GpuReading
    cpu: CpuReading


class GpuMeter:
    """Reads a GPU between groups of blocks and remembers the readings; use one meter per trial.

    Reading requires that this process holds a context on the device, as it does once its sessions have started.
    A group is contaminated if, at its beginning or its end,
    - a protection against heat or a failing supply held the clock down (`clock_events.CONTAMINATING`), or the
      driver's counter of thermal violations moved in between;
    - another process had a compute context on the device. NVML does not report whether it computed in those 0.2 s,
      so a shared GPU is not known to have been free.

    Other programs on the processor do not slow a kernel down. They delay the one thread that enqueues, and only
    if they leave it no core to itself; so that is their limit, and `foreign_cpu_limit` on a single-core machine.
    """

    def __init__(self, device: NvmlDevice | None, why_not: str = "") -> None:
        """Reads `device`; if NVML cannot be used, it is None, `why_not` is the reason, and only the CPU is judged."""
        self._device = device
        self._why_not = why_not
        self._cpu = CpuMeter()
        self._own_pids = own_pids()
        self._readings: list[GpuReading] = []
        self._thermal_violation = False

    @classmethod
    def open(cls, index: int) -> GpuMeter:
        """Opens the meter of the GPU with CUDA index `index`.

        Raises:
            NoGpuError: there is no usable driver, or no such GPU.
        """
        device = cuda_device(index)
        try:
            return cls(Nvml().device(device.uuid, device.bus_id))
        except NvmlUnavailableError as error:
            return cls(None, str(error))

    def read(self) -> MeterReading:
        """Reads the GPU and the processor."""
        gpu = self._device.read() if self._device else GpuReading()
        self._readings.append(gpu)
        return MeterReading(gpu, self._cpu.read())

    def judge(self, before: MeterReading, after: MeterReading, limit_cores: float) -> Disturbance:
        """Judges the time between two readings."""
        cores = foreign_cores(before.cpu, after.cpu)
        reasons = list(self._gpu_reasons(before.gpu, after.gpu))
        if cores > max(limit_cores, len(allowed_cpus() or ()) - 1):
            reasons.append("no processor core left to enqueue from")
        return Disturbance(cores, bool(reasons), tuple(reasons))

    def _gpu_reasons(self, before: GpuReading, after: GpuReading) -> Iterable[str]:
        held = {*(before.throttle_reasons or ()), *(after.throttle_reasons or ())}
        yield from sorted(held & clock_events.CONTAMINATING)
        if (after.thermal_violation_ns or 0) > (before.thermal_violation_ns or 0):
            self._thermal_violation = True
            yield clock_events.THERMAL_VIOLATION
        if self.foreign_processes(before) or self.foreign_processes(after):
            yield "other processes on the GPU"

    def energy_mj(self) -> int | None:
        """Reads the board's energy counter; None if the device has none."""
        return self._device.energy_mj() if self._device else None

    def shared_now(self) -> bool:
        """Whether other processes are known to have a context on the device."""
        return bool(self._device and self.foreign_processes(self._device.read()))

    def foreign_processes(self, reading: GpuReading) -> int | None:
        """Number of other processes with a context on the device; None if NVML does not list them."""
        if reading.pids is None:
            return None
        return foreign_count(reading.pids, self._own_pids, holds_context=True)

    def summary(self) -> dict[str, Any]:
        """Returns the fields of GpuFigures from all readings so far: medians, reasons, counts and warnings."""
        return {
            "sm_clock_mhz": _median(reading.sm_clock_mhz for reading in self._readings),
            "memory_clock_mhz": _median(reading.memory_clock_mhz for reading in self._readings),
            "power_w": _median(reading.power_w for reading in self._readings),
            "temperature_c": _median(reading.temperature_c for reading in self._readings),
            "throttle_reasons": self._all_throttle_reasons(),
            "foreign_processes_count": self._most_foreign_processes(),
            "warnings": tuple(self._warnings()),
        }

    def _all_throttle_reasons(self) -> str | None:
        known = [reading.throttle_reasons for reading in self._readings if reading.throttle_reasons is not None]
        if not known:
            return None
        # In order of appearance; without `gpu idle`, because readings are taken between blocks.
        seen = dict.fromkeys(reason for reasons in known for reason in reasons if reason != clock_events.IDLE)
        if self._thermal_violation:
            seen[clock_events.THERMAL_VIOLATION] = None
        return "+".join(seen)

    def _most_foreign_processes(self) -> int | None:
        counts = [self.foreign_processes(reading) for reading in self._readings]
        return max((count for count in counts if count is not None), default=None)

    def _warnings(self) -> Iterable[str]:
        if self._why_not:
            yield self._why_not
        clocks_mhz = [reading.sm_clock_mhz for reading in self._readings if reading.sm_clock_mhz]
        if clocks_mhz and min(clocks_mhz) < (1 - _CLOCK_SPREAD_LIMIT) * max(clocks_mhz):
            yield (
                f"The SM clock moved between {min(clocks_mhz)} and {max(clocks_mhz)} MHz from block to block: lock it "
                "(sudo nvidia-smi --lock-gpu-clocks=MHZ), or rely on the ratio."
            )
        others = self._most_foreign_processes()
        if others:
            yield f"{others} other process{'es' * (others > 1)} had a context on the GPU: end them, or use --exclusive."


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(statistics.median(known)) if known else None
