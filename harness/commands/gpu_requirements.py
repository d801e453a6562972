"""The requirements of runtimes on NVIDIA GPUs: which are installed, and how to get the rest."""

from __future__ import annotations

import dataclasses
import importlib.util

from foundation.packages import package_version
from harness.backends.tensorrt import rtx_versions
from harness.backends.tensorrt.versions import how_to_install
from harness.errors import NoGpuError, NvmlUnavailableError
from harness.machine.gpu.devices import CudaDevice, cuda_devices
from harness.machine.gpu.nvml import Nvml

# The bare `tensorrt` depends on one of these, and a user may install one of them alone.
_RTX_PACKAGES = ("tensorrt-rtx-cu13-bindings", "tensorrt-rtx-cu12-bindings")
_TENSORRT_PACKAGES = ("tensorrt", "tensorrt-cu13", "tensorrt-cu12", "tensorrt-cu11")


@dataclasses.dataclass(frozen=True)
class Requirement:
    """Something that measuring on a GPU needs or benefits from."""

    name: str
    needed: bool
    """Whether nothing runs without it."""
    found: str
    """Its version, or what is known about it; empty if it is missing."""
    what_to_do: str
    """How to get it; empty if it is installed."""


def visible_gpus() -> tuple[list[CudaDevice], str]:
    """The GPUs that CUDA sees; if it sees none, the reason."""
    try:
        devices = cuda_devices()
    except NoGpuError as error:
        return [], str(error)
    return devices, "" if devices else "CUDA sees no GPU. Look at CUDA_VISIBLE_DEVICES and `nvidia-smi -L`."


def gpu_requirements(devices: list[CudaDevice], why_none: str) -> list[Requirement]:
    """The requirements of the backends on GPUs, given the result of `visible_gpus`."""
    return [_driver(devices, why_none), _tensorrt(devices), _tensorrt_rtx(), _nvml(), _cuda_bindings()]


def _driver(devices: list[CudaDevice], why_none: str) -> Requirement:
    found = f"for CUDA {devices[0].cuda_version}" if devices else ""
    return Requirement("NVIDIA driver and GPU", True, found, why_none)


def _tensorrt(devices: list[CudaDevice]) -> Requirement:
    """TensorRT's Python package; a Jetson's comes with JetPack and has metadata too."""
    version = next((found for name in _TENSORRT_PACKAGES if (found := package_version(name))), None)
    if importlib.util.find_spec("tensorrt") is not None:
        return Requirement("tensorrt", True, version or "of unknown version", "")
    what_to_do = how_to_install(devices[0].cuda_version if devices else None)
    return Requirement("tensorrt", True, "", f"Backend tensorrt: {what_to_do}")


def _tensorrt_rtx() -> Requirement:
    """TensorRT for RTX; optional, since it serves only its own backend."""
    name, module = "tensorrt-rtx", rtx_versions.module_name()
    if module is None:
        return Requirement(name, False, "", f"Backend tensorrt-rtx: {rtx_versions.HOW_TO_INSTALL}")
    version = next((found for package in _RTX_PACKAGES if (found := package_version(package))), "of unknown version")
    return Requirement(name, False, f"{version}, builds engines without a GPU", "")


def _nvml() -> Requirement:
    name = "NVML (nvidia-ml-py)"
    try:
        driver = Nvml().driver_version()
    except NvmlUnavailableError as error:
        return Requirement(name, False, "", str(error))
    return Requirement(name, False, f"{package_version('nvidia-ml-py')}, driver {driver or 'unknown'}", "")


def _cuda_bindings() -> Requirement:
    name = "cuda-bindings"
    version = package_version(name)
    if version:
        return Requirement(name, False, version, "")
    return Requirement(
        name, False, "", "Not needed: the driver library is called directly. To install it: pip install cuda-bindings"
    )
