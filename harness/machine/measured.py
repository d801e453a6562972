"""Opens the meter that watches the measured device, the processor or a GPU, while it is timed."""

from __future__ import annotations

from harness.machine.gpu.settings import GpuSettings
from harness.machine.meter import CpuMeter, Meter


def open_meter(gpu: GpuSettings | None) -> Meter:
    """Opens the meter that reports whether other processes used the device while it was timed.

    Args:
        gpu: settings of the measured GPU; None if the processor is measured. Create the sessions on the GPU first, so
            that this process is recognised among those on the device.

    Raises:
        NoGpuError: there is no such GPU.
    """
    if gpu is None:
        return CpuMeter()
    from harness.machine.gpu.meter import GpuMeter

    return GpuMeter.open(gpu.device)
