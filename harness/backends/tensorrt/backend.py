"""TensorRT as a backend: its availability, building or finding engines, and sessions on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.backends.backend import Availability, Backend, BuiltEngine
from harness.backends.session import Session, TensorSpec
from harness.backends.tensorrt import versions
from harness.backends.tensorrt.dialect import Dialect, restricted_tactic_sources
from harness.backends.tensorrt.engines import EngineKey, EngineStore, StoredEngine
from harness.errors import ArtifactError, UnsupportedError
from harness.files.artifact_digest import artifact_sha256
from harness.files.storage import explained
from harness.machine.gpu.facts import kernel_module_version
from harness.machine.gpu.settings import GpuSettings

if TYPE_CHECKING:
    from harness.machine.gpu.driver import CudaDriver


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
        from harness.errors import NoGpuError
        from harness.machine.gpu.devices import cuda_devices

        try:
            devices = cuda_devices()
        except NoGpuError as error:
            return _without_gpu(str(error))
        if not devices:
            return _without_gpu("CUDA sees no GPU. Check CUDA_VISIBLE_DEVICES and `nvidia-smi -L`.")
        cuda_version = devices[0].cuda_version
        if not versions.is_installed():
            return versions.not_installed(cuda_version)
        try:
            import tensorrt

            Dialect.of(tensorrt)
        except UnsupportedError as error:
            return Availability(False, str(error))
        except Exception as error:  # Its loader raises errors of any type if a library is missing.
            return versions.not_loadable(error)
        too_old = versions.driver_too_old(tensorrt.__version__, cuda_version)
        names = " and ".join(dict.fromkeys(device.name for device in devices))
        return too_old or Availability(True, f"{self.runtime()} on {names}.")

    def runtime(self) -> str:
        """Returns name and version."""
        import tensorrt

        return f"tensorrt {tensorrt.__version__}"

    def opset_limit(self) -> int | None:
        """Returns 17 for TensorRT 8, which misreads newer operators; newer versions refuse what they do not know."""
        import tensorrt

        limits = Dialect.of(tensorrt).limits
        return limits.opset if limits else None

    def build(self, artifact: Path, *, precision: str, gpu: GpuSettings, cache_dir: Path) -> BuiltEngine:
        """Returns the engine of the artifact for this device, from the cache or newly built.

        It raises the errors of `harness.backends.tensorrt.builder.EngineBuild.run`.
        """
        import tensorrt

        from harness.backends.tensorrt.builder import EngineBuild
        from harness.machine.gpu.driver import CudaDriver

        with CudaDriver.open(gpu.device) as driver:
            dialect, store = Dialect.of(tensorrt), EngineStore(cache_dir)
            key = engine_key(tensorrt, driver, artifact, precision, gpu)
            with store.building(key):
                found = store.find(key)
                if found is not None:
                    return found.built(cached=True)
                return EngineBuild(tensorrt, dialect, artifact, key, store).run().built(cached=False)

    def prepare_impl(
        self, artifact: Path, *, precision: str, threads: int, gpu: GpuSettings, cache_dir: Path
    ) -> tuple[Session, list[TensorSpec]]:
        """Loads the engine that `build` made; an engine that TensorRT refuses is removed, so that it is rebuilt."""
        del threads  # Operators run on the device.
        import tensorrt

        from harness.backends.tensorrt.session import EngineLoadError, TensorRtSession
        from harness.machine.gpu.driver import CudaDriver

        driver = CudaDriver.open(gpu.device)
        try:
            key = engine_key(tensorrt, driver, artifact, precision, gpu)
            store = EngineStore(cache_dir)
            stored = _require(store, key, artifact)
            try:
                session = TensorRtSession(tensorrt, driver, stored, artifact, precision=precision, settings=gpu)
            except EngineLoadError:
                store.remove(key)
                raise
        except BaseException:
            driver.close()
            raise
        return session, session.inputs()


def engine_key(trt: Any, driver: CudaDriver, artifact: Path, precision: str, gpu: GpuSettings) -> EngineKey:
    """The key of the artifact's engine for this device and the present settings."""
    major, minor = driver.compute_capability
    with explained(artifact):
        sha256 = artifact_sha256(artifact)
    return EngineKey(
        artifact_sha256=sha256,
        precision=precision,
        tensorrt=str(trt.__version__),
        gpu=driver.name,
        compute_capability=f"{major}.{minor}",
        cuda_driver=driver.cuda_version,
        driver=kernel_module_version() or "",
        workspace_mib=gpu.workspace_mib,
        tactic_sources=restricted_tactic_sources(),
    )


def _require(store: EngineStore, key: EngineKey, artifact: Path) -> StoredEngine:
    found = store.find(key)
    if found is not None:
        return found
    if store.is_there(key):
        raise ArtifactError(
            f"The {key.precision} engine of {artifact} in {store.directory(key)} is damaged. Run again to rebuild it."
        )
    raise ArtifactError(
        f"There is no {key.precision} engine of {artifact} for {key.gpu}, TensorRT {key.tensorrt} and this driver in "
        f"{store.root}. Build it first: `harness run` does this."
    )


def _without_gpu(why: str) -> Availability:
    """Availability without a GPU: the driver's explanation ends with what to do; TensorRT may be missing too."""
    if versions.is_installed():
        return Availability(False, why, "On a machine without an NVIDIA GPU, use --backend onnxruntime.")
    missing = versions.not_installed(None)
    return Availability(
        False,
        f"{why} Also, {missing.why}",
        f"With a GPU and its driver: {missing.what_to_do}. Otherwise, use --backend onnxruntime.",
    )
