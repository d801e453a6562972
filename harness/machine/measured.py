"""The device that is measured, the processor or a GPU: what watches it while it is timed, and its facts."""

from __future__ import annotations

from harness.machine.gpu.facts import Accelerator, gpu_facts
from harness.machine.gpu.settings import GpuSettings
from harness.machine.meter import CpuMeter, Meter


def open_meter(gpu: GpuSettings | None) -> Meter:
    """What reports whether others used the device while it was timed.

    Args:
        gpu: how a GPU is used; None where the processor is measured. The sessions on it are created before, so that
            this process is known among those on the device.

    Raises:
        NoGpuError: there is no such GPU.
    """
    if gpu is None:
        return CpuMeter()
    from harness.machine.gpu.meter import GpuMeter

    return GpuMeter.open(gpu.device)


def accelerator(gpu: GpuSettings, runtime: str) -> Accelerator:
    """A GPU and the runtime on it, which belong to the environment; no context is created on the device.

    Args:
        gpu: which GPU.
        runtime: name and version, as in `tensorrt 10.16.1`.

    Raises:
        NoGpuError: there is no such GPU.
    """
    return Accelerator(gpu_facts(gpu.device), runtime)
