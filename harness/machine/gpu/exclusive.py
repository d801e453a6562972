"""Checks whether other processes use a GPU, before anything is measured on it."""

from __future__ import annotations

from harness.errors import NvmlUnavailableError, SharedGpuError
from harness.machine.gpu.devices import cuda_device
from harness.machine.gpu.nvml import GpuReading, Nvml
from harness.machine.gpu.processes import foreign_count, own_pids

# A desktop keeps its GPU a few percent busy; more than this is computation.
_BUSY_PERCENT = 10


def shared_use(reading: GpuReading, own: frozenset[int]) -> str:
    """A sentence about other processes' use of the GPU; empty if none is visible.

    Args:
        reading: taken while this process, whose IDs are `own`, has no context on the device.
        own: as `harness.machine.gpu.processes.own_pids` returns them.
    """
    count = foreign_count(reading.pids or (), own, holds_context=False)
    busy = reading.utilisation_percent or 0
    if count:
        noun = "1 other process has" if count == 1 else f"{count} other processes have"
        return f"{noun} a context on the GPU, which was busy for {busy} % of the last sampling period."
    if busy > _BUSY_PERCENT:
        # As in a container, where recent drivers list only the container's own processes.
        return f"The GPU was busy for {busy} % of the last sampling period although no process is listed on it."
    return ""


def check_sharing(reading: GpuReading | None, own: frozenset[int], *, exclusive: bool, why_not: str = "") -> str:
    """A warning if other processes use the GPU, otherwise an empty string.

    Args:
        reading: as `shared_use` takes it; None if NVML cannot be used, for the reason `why_not`.
        own: the IDs of this process.
        exclusive: whether exclusive use of the GPU was requested.

    Raises:
        SharedGpuError: exclusive use was requested, but others use the GPU, or this cannot be determined.
    """
    if reading is None or reading.pids is None:
        why = why_not or "this device does not list its processes."
        if exclusive:
            raise SharedGpuError(
                f"--exclusive cannot be guaranteed: whether others use the GPU is not known, as {_inside(why)} "
                "Run without --exclusive."
            )
        return ""
    found = shared_use(reading, own)
    if found and exclusive:
        raise SharedGpuError(
            f"{found} --exclusive refuses to measure alongside other processes: end them (`nvidia-smi` lists them), "
            "choose another --device, or run without --exclusive."
        )
    return f"{found} Latencies are unreliable while others compute; --exclusive refuses such runs." if found else ""


def refuse_shared(index: int, *, exclusive: bool) -> str:
    """`check_sharing` for the GPU with CUDA index `index`.

    Raises:
        SharedGpuError: as for `check_sharing`.
        NoGpuError: there is no usable driver, or no such GPU.
    """
    device = cuda_device(index)
    try:
        reading = Nvml().device(device.uuid, device.bus_id).read()
    except NvmlUnavailableError as error:
        return check_sharing(None, own_pids(), exclusive=exclusive, why_not=str(error))
    return check_sharing(reading, own_pids(), exclusive=exclusive)


def _inside(sentence: str) -> str:
    """The sentence with a full stop, to end another sentence."""
    return sentence if sentence.endswith(".") else f"{sentence}."
