"""What watches the device that is measured, the processor or a GPU, while it is timed."""

from __future__ import annotations

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
