"""Whether others use a GPU, asked before anything is measured on it."""

from __future__ import annotations

from harness.errors import NvmlUnavailableError, SharedGpuError
from harness.machine.gpu.devices import cuda_device
from harness.machine.gpu.nvml import GpuReading, Nvml
from harness.machine.gpu.processes import foreign_count, own_pids

# A desktop keeps its GPU busy by a few percent; more than this is somebody's work.
_BUSY_PERCENT = 10


def shared_use(reading: GpuReading, own: frozenset[int]) -> str:
    """What others do on the GPU, in a sentence; empty where they do nothing that is seen.

    Args:
        reading: taken while this process, whose ids are `own`, has no context on the device.
        own: as `harness.machine.gpu.processes.own_pids`.
    """
    count = foreign_count(reading.pids or (), own, holds_context=False)
    busy = reading.utilisation_percent or 0
    if count:
        noun = "1 other process has" if count == 1 else f"{count} other processes have"
        return f"{noun} a context on the GPU, which was busy for {busy} % of the last moment."
    if busy > _BUSY_PERCENT:
        # As in a container, where recent drivers list the container's own processes only.
        return f"The GPU was busy for {busy} % of the last moment although no process is listed on it."
    return ""


def check_sharing(reading: GpuReading | None, own: frozenset[int], *, exclusive: bool, why_not: str = "") -> str:
    """A warning where others use the GPU, and an empty string where they do not.

    Args:
        reading: as `shared_use` takes it; None where NVML cannot be used, for the reason `why_not`.
        own: the ids of this process.
        exclusive: whether the GPU was asked for alone.

    Raises:
        SharedGpuError: it was asked for alone, and others use it, or this cannot be known.
    """
    if reading is None or reading.pids is None:
        why = why_not or "this device does not list its processes."
        if exclusive:
            raise SharedGpuError(
                f"--exclusive cannot be kept: whether others use the GPU is not known, as {_inside(why)} "
                "Run without --exclusive."
            )
        return ""
    found = shared_use(reading, own)
    if found and exclusive:
        raise SharedGpuError(
            f"{found} --exclusive refuses to measure beside others: end them (`nvidia-smi` lists them), choose "
            "another --device, or run without --exclusive."
        )
    return f"{found} Its latencies are not to be trusted where they compute: --exclusive refuses." if found else ""


def refuse_shared(index: int, *, exclusive: bool) -> str:
    """`check_sharing` of the GPU that CUDA counts as `index`.

    Raises:
        SharedGpuError: as `check_sharing`.
        NoGpuError: there is no usable driver, or no such GPU.
    """
    device = cuda_device(index)
    try:
        reading = Nvml().device(device.uuid, device.bus_id).read()
    except NvmlUnavailableError as error:
        return check_sharing(None, own_pids(), exclusive=exclusive, why_not=str(error))
    return check_sharing(reading, own_pids(), exclusive=exclusive)


def _inside(sentence: str) -> str:
    """A sentence as the end of another, with its full stop."""
    return sentence if sentence.endswith(".") else f"{sentence}."
