"""TensorRT as a backend: its availability, building or finding engines, and sessions on them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.backends.backend import Availability, Backend, BuiltEngine
from harness.backends.session import Session, TensorSpec
from harness.backends.tensorrt import versions
from harness.backends.tensorrt.dialect import Dialect, restricted_tactic_sources
from harness.backends.tensorrt.engines import EngineKey, EngineStore, StoredEngine, why_unfit
from harness.backends.tensorrt.jit import JitCache
from harness.errors import ArtifactError, NoGpuError, UnsupportedError
from harness.files.artifact_digest import artifact_sha256
from harness.files.storage import explained
from harness.machine.gpu import devices
from harness.machine.gpu.driver import CudaDriver
from harness.machine.gpu.facts import kernel_module_version
from harness.machine.gpu.settings import GpuSettings


class TensorRtBackend(Backend):
    """TensorRT 8.5 and newer on an NVIDIA GPU."""

    name = "tensorrt"
    precisions = ("fp32", "fp16", "int8")
    on_gpu = True
    builds_engines = True

    def availability(self) -> Availability:
        """Returns whether there are a driver, a GPU and a TensorRT that loads, and whether they fit together.

        The check creates no TensorRT objects and nothing on a device.
        """
        return self._availability("use --backend onnxruntime")

    def build_availability(self) -> Availability:
        """Returns the same: kernels are timed while an engine is built."""
        return self._availability("use --backend tensorrt-rtx, which builds engines without one")

    def _availability(self, without_gpu: str) -> Availability:
        """The availability; `without_gpu` is what to do on a machine that has no GPU."""
        try:
            found = devices.cuda_devices()
        except NoGpuError as error:
            return _without_gpu(str(error), without_gpu)
        if not found:
            return _without_gpu("CUDA sees no GPU. Check CUDA_VISIBLE_DEVICES and `nvidia-smi -L`.", without_gpu)
        cuda_version = found[0].cuda_version
        if not versions.is_installed():
            return versions.not_installed(cuda_version)
        try:
            dialect = self.dialect()
        except UnsupportedError as error:
            return Availability(False, str(error))
        except Exception as error:  # Its loader raises errors of any type if a library is missing.
            return versions.not_loadable(error)
        too_old = versions.driver_too_old(dialect.version, cuda_version)
        names = " and ".join(dict.fromkeys(device.name for device in found))
        return too_old or Availability(True, f"{self.runtime()} on {names}.")

    def module(self) -> Any:
        """Imports the library."""
        import tensorrt

        return tensorrt

    def dialect(self) -> Dialect:
        """Returns the dialect of the installed version.

        Raises:
            UnsupportedError: the version is not supported.
        """
        return Dialect.of(self.module())

    def runtime(self) -> str:
        """Returns name and version."""
        return f"tensorrt {self.module().__version__}"

    def opset_limit(self) -> int | None:
        """Returns 17 for TensorRT 8, which misreads newer operators; newer versions refuse what they do not know."""
        limits = self.dialect().limits
        return limits.opset if limits else None

    def readable_ir_version(self, version: int) -> int:
        """Returns the newest version of the file format that this TensorRT reads, up to the given one."""
        limits = self.dialect().limits
        return min(version, limits.ir_version) if limits else version

    def build(
        self, artifact: Path, *, precision: str, gpu: GpuSettings, cache_dir: Path, bundle_dir: Path | None = None
    ) -> BuiltEngine:
        """Returns the engine of the artifact: from the cache, from another machine, or newly built.

        It raises the errors of `harness.backends.tensorrt.builder.EngineBuild.run`.
        """
        from harness.backends.tensorrt.builder import EngineBuild

        trt, dialect, store = self.module(), self.dialect(), EngineStore(cache_dir)
        with self.building_on(gpu) as driver:
            key = self.engine_key(driver, artifact, precision, gpu)
            with store.building(key):
                found = store.find(key)
                if found is not None:
                    return found.built(cached=True)
                offered = EngineStore(bundle_dir) if bundle_dir else None
                if offered and (brought := offered.find(key)):
                    return dataclasses.replace(store.copied(brought).built(cached=True), bundled=True)
                unfit = why_unfit(offered, key) if offered else ""
                made = EngineBuild(trt, dialect, artifact, key, store).run()
                return dataclasses.replace(made.built(cached=False), unfit=unfit)

    def prepare_impl(
        self, artifact: Path, *, precision: str, threads: int, gpu: GpuSettings, cache_dir: Path
    ) -> tuple[Session, list[TensorSpec]]:
        """Loads the engine that `build` made; an engine that TensorRT refuses is removed, so that it is rebuilt."""
        del threads  # Operators run on the device.
        from harness.backends.tensorrt.session import EngineLoadError, TensorRtSession

        trt, dialect, store = self.module(), self.dialect(), EngineStore(cache_dir)
        driver = CudaDriver.open(gpu.device)
        try:
            key = self.engine_key(driver, artifact, precision, gpu)
            stored = _require(store, key, artifact)
            jit = self.jit(store, stored, driver)
            try:
                session = TensorRtSession(
                    trt, dialect, driver, stored, artifact, precision=precision, settings=gpu, jit=jit
                )
            except EngineLoadError:
                store.remove(key)
                raise
        except BaseException:
            driver.close()
            raise
        return session, session.input_specs()

    @contextlib.contextmanager
    def building_on(self, gpu: GpuSettings) -> Iterator[CudaDriver | None]:
        """Makes the GPU that a build times its kernels on current in this thread."""
        with CudaDriver.open(gpu.device) as driver:
            yield driver

    def engine_key(self, driver: CudaDriver | None, artifact: Path, precision: str, gpu: GpuSettings) -> EngineKey:
        """Returns the key of the artifact's engine for this device and the present settings."""
        assert driver is not None
        major, minor = driver.compute_capability
        return dataclasses.replace(
            self.portable_key(artifact, precision, gpu, capabilities=gpu.capabilities),
            gpu=driver.name,
            compute_capability=f"{major}.{minor}",
            cuda_driver=driver.cuda_version,
            driver=kernel_module_version() or "",
        )

    def portable_key(
        self, artifact: Path, precision: str, gpu: GpuSettings, *, capabilities: tuple[str, ...]
    ) -> EngineKey:
        """Returns what an engine depends on besides the GPU on which it is built."""
        dialect = self.dialect()
        with explained(artifact):
            sha256 = artifact_sha256(artifact)
        return EngineKey(
            artifact_sha256=sha256,
            precision=precision,
            library=dialect.library,
            version=dialect.version,
            workspace_mib=gpu.workspace_mib,
            tactic_sources=restricted_tactic_sources(),
            capabilities=capabilities,
        )

    def jit(self, store: EngineStore, stored: StoredEngine, driver: CudaDriver) -> JitCache | None:
        """Returns None: an engine of TensorRT holds the kernels of its GPU."""
        del store, stored, driver
        return None


def _require(store: EngineStore, key: EngineKey, artifact: Path) -> StoredEngine:
    found = store.find(key)
    if found is not None:
        return found
    if store.is_there(key):
        raise ArtifactError(
            f"The {key.precision} engine of {artifact} in {store.directory(key)} is damaged. Run again to rebuild it."
        )
    raise ArtifactError(
        f"There is no {key.precision} engine of {artifact} for {key.gpu or 'this GPU'}, {key.library} {key.version} "
        f"and this driver in {store.root}. Build it first: `harness run` does this."
    )


def _without_gpu(why: str, what_to_do: str) -> Availability:
    """Availability without a GPU: the driver's explanation ends with what to do; TensorRT may be missing too."""
    if versions.is_installed():
        return Availability(False, why, f"On a machine without an NVIDIA GPU, {what_to_do}.")
    missing = versions.not_installed(None)
    return Availability(
        False,
        f"{why} Also, {missing.why}",
        f"With a GPU and its driver: {missing.what_to_do}. Without a GPU, {what_to_do}.",
    )
