"""TensorRT for RTX as a backend: the code of `tensorrt`, with engines that are built on any machine."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.backends.backend import Availability
from harness.backends.tensorrt import rtx_versions
from harness.backends.tensorrt.backend import TensorRtBackend
from harness.backends.tensorrt.dialect import Dialect
from harness.backends.tensorrt.engines import EngineKey, EngineStore, StoredEngine
from harness.backends.tensorrt.jit import JitCache, jit_cache_name
from harness.backends.tensorrt.rtx_dialect import RtxDialect, check_capabilities
from harness.errors import NoGpuError
from harness.machine.gpu import devices
from harness.machine.gpu.driver import CudaDriver
from harness.machine.gpu.facts import kernel_module_version
from harness.machine.gpu.settings import GpuSettings

_BUILDS_WITHOUT = "Engines can be built here without one: python -m harness build --backend tensorrt-rtx."


class TensorRtRtxBackend(TensorRtBackend):
    """TensorRT for RTX on GeForce and RTX GPUs from Turing on; it builds engines on any machine."""

    name = "tensorrt-rtx"
    builds_side_by_side = True

    def module(self) -> Any:
        """Imports the library."""
        return rtx_versions.module()

    def dialect(self) -> Dialect:
        """Returns the dialect of the installed version."""
        return RtxDialect.of(self.module())

    def build_availability(self) -> Availability:
        """Returns whether the library is installed and loads; building needs neither a GPU nor a driver."""
        if rtx_versions.module_name() is None:
            return Availability(False, "tensorrt_rtx is not installed.", rtx_versions.HOW_TO_INSTALL)
        try:
            return Availability(True, f"{self.runtime()}, which needs no GPU to build engines.")
        except Exception as error:  # Its loader raises errors of any type if a library is missing.
            return Availability(
                False,
                f"tensorrt_rtx is installed, but does not load: {error}.",
                "Reinstall it: pip install --force-reinstall --no-cache-dir tensorrt-rtx-cu13",
            )

    def availability(self) -> Availability:
        """Returns whether there are the library, a driver and a GPU, and whether they fit together."""
        can_build = self.build_availability()
        try:
            found = devices.cuda_devices()
        except NoGpuError as error:
            return _without_gpu(str(error), can_build)
        if not found:
            return _without_gpu("CUDA sees no GPU. Check CUDA_VISIBLE_DEVICES and `nvidia-smi -L`.", can_build)
        if not can_build.usable:
            return can_build
        if all(_capability(device) < rtx_versions.OLDEST_CAPABILITY for device in found):
            return Availability(
                False,
                f"{found[0].name} has compute capability {found[0].compute_capability}, but TensorRT-RTX supports "
                "7.5 and later.",
                "Use --backend tensorrt (8.5 to 10 support older GPUs) or onnxruntime-cuda.",
            )
        names = " and ".join(dict.fromkeys(device.name for device in found))
        too_old = rtx_versions.driver_too_old(self.dialect().version, found[0].cuda_version)
        return too_old or Availability(True, f"{self.runtime()} on {names}.")

    def runtime(self) -> str:
        """Returns name and version."""
        return f"tensorrt-rtx {self.module().__version__}"

    def check_capabilities(self, capabilities: tuple[str, ...]) -> None:
        """Refuses GPUs for which the library cannot build.

        Raises:
            HarnessError: it cannot; the message lists those for which it can.
        """
        check_capabilities(self.module(), self.dialect(), capabilities)

    def adopted(self, gpu: GpuSettings, offered: Sequence[tuple[str, ...]]) -> GpuSettings:
        """Returns the settings with the capabilities that most of the offered engines for this GPU are for.

        All engines of a run are then for the same ones, including those that still have to be built.
        """
        here = self._capability_here(gpu)
        fitting = [one for one in offered if here and _covers(one, here)]
        if gpu.capabilities or not fitting:
            return gpu
        return dataclasses.replace(gpu, capabilities=max(fitting, key=fitting.count))

    @contextlib.contextmanager
    def building_on(self, gpu: GpuSettings) -> Iterator[CudaDriver | None]:
        """Yields None: a build touches no GPU."""
        del gpu
        yield None

    def engine_key(self, driver: CudaDriver | None, artifact: Path, precision: str, gpu: GpuSettings) -> EngineKey:
        """Returns the key of an engine that is bound to no GPU, but to the capabilities it is built for."""
        del driver
        return self.portable_key(artifact, precision, gpu, capabilities=self._capabilities(gpu))

    def jit(self, store: EngineStore, stored: StoredEngine, driver: CudaDriver) -> JitCache | None:
        """Returns the kernels that earlier processes compiled from the engine on this GPU."""
        major, minor = driver.compute_capability
        version = f"{kernel_module_version() or ''} {driver.cuda_version}"
        name = jit_cache_name(stored.sidecar.sha256, driver.name, f"{major}.{minor}", version)
        return JitCache(store.root / name)

    def _capabilities(self, gpu: GpuSettings) -> tuple[str, ...]:
        """The requested GPUs; on a machine whose GPU is not among the library's default ones, that GPU."""
        if gpu.capabilities:
            return gpu.capabilities
        return ("sm75",) if self._capability_here(gpu) == rtx_versions.OLDEST_CAPABILITY else ()

    @staticmethod
    def _capability_here(gpu: GpuSettings) -> tuple[int, int] | None:
        """The compute capability of the GPU; None if there is none."""
        try:
            found = devices.cuda_devices()
        except NoGpuError:
            return None
        return next((_capability(device) for device in found if device.index == gpu.device), None)


def _covers(capabilities: tuple[str, ...], here: tuple[int, int]) -> bool:
    """Whether an engine for these capabilities is for a GPU of this one."""
    if not capabilities:
        return here > rtx_versions.OLDEST_CAPABILITY
    return f"sm{here[0]}{here[1]}" in capabilities


def _capability(device: devices.CudaDevice) -> tuple[int, int]:
    major, minor = device.compute_capability.split(".")
    return int(major), int(minor)


def _without_gpu(why: str, can_build: Availability) -> Availability:
    """Availability without a GPU: the library may be missing too."""
    if can_build.usable:
        return Availability(False, why, f"{_BUILDS_WITHOUT} To measure without a GPU, use --backend onnxruntime.")
    return Availability(False, f"{why} Also, {can_build.why}", f"{can_build.what_to_do}. {_BUILDS_WITHOUT}")
