"""What the CUDA driver's errors mean for a user.

Codes and names: the CUDA driver API's `CUresult`, https://docs.nvidia.com/cuda/cuda-driver-api/ (data types).
"""

from __future__ import annotations

from harness.errors import CudaError, CudaOutOfMemoryError, NoGpuError

OUT_OF_MEMORY = 2

# Advice for errors of any call, by code.
_WHAT_TO_DO = {
    4: "The driver is shutting down; run again.",
    46: "Another process holds the GPU exclusively: end it (nvidia-smi lists it), or choose another --device.",
    201: "No context is current in this thread: use the driver in the thread that opened it.",
    214: "The GPU's memory had an uncorrectable error; reset the GPU (nvidia-smi --gpu-reset).",
    400: "A handle was used after it was freed, or was never created.",
    700: "A kernel read or wrote outside its memory; the process cannot use the GPU any more. Build the engine again.",
    702: "A kernel ran longer than is allowed on a GPU with a display; turn off the display or its watchdog.",
    719: "A kernel failed; the process cannot use the GPU any more. Look for Xid messages in the kernel log (dmesg).",
}

# Advice for errors while opening a device, by code.
_WHY_NO_GPU = {
    34: "Only the stub of the driver library was found. Install the NVIDIA driver, and take the toolkit's stubs "
    "directory out of LD_LIBRARY_PATH.",
    36: "The NVIDIA driver is too old for this CUDA: install a newer one.",
    46: _WHAT_TO_DO[46],
    100: "The driver sees no GPU. Check `nvidia-smi` and CUDA_VISIBLE_DEVICES; in a container, request GPUs "
    "(docker run --gpus all).",
    101: "There is no GPU with that index. `nvidia-smi -L` lists the available GPUs.",
    802: "The system is not ready: start nvidia-fabricmanager, which machines with NVSwitch need.",
    803: "The driver library and the kernel module have different versions: reboot, or load the module of the "
    "installed driver.",
    804: "CUDA's forward compatibility package does not support this GPU: remove it (cuda-compat), or install a "
    "newer driver.",
    999: "The kernel module does not respond: load nvidia_uvm (`sudo modprobe nvidia_uvm`), or reboot.",
}
_WHY_NO_GPU_OTHERWISE = "Check whether `nvidia-smi` runs; if not, reinstall the NVIDIA driver and reboot."


def cuda_error(call: str, code: int, name: str, text: str) -> CudaError:
    """The error of a call that returned `code`; `name` and `text` are the driver's own words for it."""
    what = f"{call} failed with {name} ({code}): {text}."
    if code == OUT_OF_MEMORY:
        # These words give a worker's failure the status out_of_memory.
        return CudaOutOfMemoryError(
            f"{what} The GPU is out of memory. Use a smaller batch, or end other processes on it (nvidia-smi)."
        )
    return CudaError(f"{what} {_WHAT_TO_DO.get(code, '')}".rstrip())


def opening_error(call: str, code: int, name: str, text: str) -> CudaError | NoGpuError:
    """The error of a call that opens a device: no usable GPU, unless the GPU is merely out of memory."""
    if code == OUT_OF_MEMORY:
        return cuda_error(call, code, name, text)
    advice = _WHY_NO_GPU.get(code, _WHY_NO_GPU_OTHERWISE)
    return NoGpuError(f"No GPU can be used: {call} failed with {name} ({code}): {text}. {advice}")
