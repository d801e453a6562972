"""ONNX Runtime with its TensorRT provider, which makes one engine of the whole network.

Precision. An engine that the provider built does not reveal its precision: it is built without detailed profiling
verbosity, so TensorRT's inspector knows only the names of its layers. The types of the graph do not reveal it either:
the networks are weakly typed (1.31.1 calls createNetworkV2 with no flag; other versions set STRONGLY_TYPED), so a
float16 graph needs the flag `trt_fp16_enable`, and with it TensorRT chooses for each layer whatever is faster. One
case is certain: a float32 graph with every precision flag off, which is verified in the session's options, leaves
TensorRT only float32. So this backend measures only that, and refuses precisions that it cannot guarantee; the backend
tensorrt reads all precisions from the engine.

TF32. The provider has no option to disable it; the variable NVIDIA_TF32_OVERRIDE=0 disables it in NVIDIA's libraries,
in TensorRT at the time an engine is built.
"""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foundation.units import BYTES_PER_MIB
from harness.backends.backend import BuiltEngine
from harness.backends.onnxruntime import engines, libraries
from harness.backends.onnxruntime.gpu import OnnxRuntimeGpuBackend, OnnxRuntimeGpuSession, closed_on_error, dotted
from harness.backends.onnxruntime.types import is_float32
from harness.backends.session import Session, TensorSpec, check_inputs
from harness.errors import FallbackError, HarnessError
from harness.files.artifact_digest import artifact_sha256
from harness.files.shapes import batch_of, first_image
from harness.machine.gpu.driver import CudaDriver
from harness.machine.gpu.figures import GpuFigures
from harness.machine.gpu.settings import GpuSettings

if TYPE_CHECKING:
    import onnxruntime

# The provider's precision options, some of which depend on the version, and their values when off.
_PRECISION_FLAGS = ("trt_fp16_enable", "trt_bf16_enable", "trt_int8_enable")
_OFF = ("0", "False", "false")


class OnnxRuntimeTensorRtSession(OnnxRuntimeGpuSession):
    """A session in which one engine runs all nodes."""

    engine: BuiltEngine | None = None
    """None while the engine is being built."""

    def precision_effective(self) -> str:
        """Returns `fp32` if that is certain (see the module's docstring), otherwise `unknown`."""
        if self.engine:
            return self.engine.precision_effective
        return "fp32" if is_float32(self._artifact) else "unknown"

    def gpu_figures(self) -> GpuFigures:
        """Returns the figures of every session on a GPU, and those of the engine."""
        figures = super().gpu_figures()
        if self.engine is None:
            return figures
        return dataclasses.replace(
            figures,
            engine_mib=self.engine.size_mib,
            engine_build_s=self.engine.build_s,
            engine_sha256=self.engine.sha256,
            engine_capabilities=".".join(map(str, self._driver.compute_capability)),
        )


class OnnxRuntimeTensorRtBackend(OnnxRuntimeGpuBackend):
    """ONNX Runtime with TensorRT."""

    name = "onnxruntime-tensorrt"
    precisions = ("fp32",)
    builds_engines = True

    def __init__(self) -> None:
        super().__init__("TensorrtExecutionProvider")

    def library_names(self) -> list[str]:
        """Returns the libraries that the provider's library needs."""
        return libraries.needed_libraries(libraries.provider_library("tensorrt"))

    def how_to_install(self, names: list[str], missing: list[str]) -> str:
        """Returns advice as for CUDA; TensorRT has its own packages, of which only one major version fits."""
        of_tensorrt = [name for name in missing if name.startswith(("libnvinfer", "libnvonnxparser"))]
        advice = [super().how_to_install(names, missing)] if len(of_tensorrt) < len(missing) else []
        if of_tensorrt:
            cuda, version = (libraries.major_version(names, name) for name in ("libcudart", "libnvinfer"))
            advice.append(
                f"Run: pip install 'tensorrt-cu{cuda}=={version}.*' (this onnxruntime is built for TensorRT {version} "
                f"and CUDA {cuda}; no other fits), or add the folder of TensorRT's libraries to LD_LIBRARY_PATH."
            )
        return " ".join(advice)

    def runtime(self) -> str:
        """Returns the versions of ONNX Runtime and of TensorRT."""
        names = [name for name in self.library_names() if name.startswith("libnvinfer.")]
        version = libraries.version_number(names[0], "getInferLibVersion") if names else None
        return super().runtime() + (f", TensorRT {dotted(version)}" if version else "")

    def build(
        self, artifact: Path, *, precision: str, gpu: GpuSettings, cache_dir: Path, bundle_dir: Path | None = None
    ) -> BuiltEngine:
        """Lets a session build the engine, runs it once and checks it as a trial does."""
        del bundle_dir  # Its engines stay on the machine.
        self.check(artifact, precision)
        with CudaDriver.open(gpu.device) as driver:
            folder = self._folder(driver, artifact, precision, gpu, cache_dir)
        return folder.find() or folder.build(lambda folders: self._make(folders, artifact, precision, gpu))

    def prepare_impl(
        self, artifact: Path, *, precision: str, threads: int, gpu: GpuSettings, cache_dir: Path
    ) -> tuple[Session, list[TensorSpec]]:
        """Loads the engine that was built."""
        driver = CudaDriver.open(gpu.device)
        with closed_on_error(driver):
            folder = self._folder(driver, artifact, precision, gpu, cache_dir)
            engine = folder.find()
            if engine is None:
                raise engines.not_built(artifact)
            with folder.unchanged():
                options = self._options(gpu, folder.path)
                session = self.load(
                    OnnxRuntimeTensorRtSession,
                    driver,
                    artifact,
                    precision=precision,
                    threads=threads,
                    gpu=gpu,
                    options=options,
                )
            session.engine = engine
            return session, session.input_specs()

    def create_session(self, artifact: Path, threads: int, options: dict[str, str]) -> onnxruntime.InferenceSession:
        """See `OnnxRuntimeBackend.create_session`; TF32 and all precision flags must be off.

        Raises:
            FallbackError: a precision flag is on.
        """
        os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
        session = super().create_session(artifact, threads, options)
        used = session.get_provider_options()[self.provider]
        set_flags = [name for name in _PRECISION_FLAGS if used.get(name, "0") not in _OFF]
        if set_flags:
            raise FallbackError(
                f"{self.provider} has {', '.join(set_flags)} on although off was requested, and so chooses precisions "
                "itself. Unset the ORT_TENSORRT_ environment variables."
            )
        return session

    def explain(self, error: Exception, artifact: Path) -> Exception:
        """See `OnnxRuntimeGpuBackend.explain`; TensorRT's errors in building and loading engines come first."""
        text = str(error).strip()
        if "could not deserialize engine from cache" in text:
            return HarnessError(f"TensorRT cannot load the engine of {artifact}: {text} Remove the file and run again.")
        if "TensorRT EP" in text:
            return HarnessError(f"TensorRT cannot build an engine of {artifact}: {text} See TensorRT's own messages.")
        return super().explain(error, artifact)

    def _folder(
        self, driver: CudaDriver, artifact: Path, precision: str, gpu: GpuSettings, cache_dir: Path
    ) -> engines.EngineFolder:
        key = engines.EngineKey(
            artifact_sha256=artifact_sha256(artifact),
            artifact_name=artifact.name,
            precision=precision,
            workspace_mib=gpu.workspace_mib,
            runtime=self.runtime(),
            gpu=driver.name,
            compute_capability=".".join(map(str, driver.compute_capability)),
            cuda_driver=driver.cuda_version,
        )
        return engines.EngineFolder(cache_dir, key)

    def _options(self, gpu: GpuSettings, folder: Path) -> dict[str, str]:
        options = {
            "device_id": str(gpu.device),
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(folder),
            "trt_fp16_enable": "False",
            "trt_int8_enable": "False",
        }
        if gpu.workspace_mib is not None:
            options["trt_max_workspace_size"] = str(gpu.workspace_mib * BYTES_PER_MIB)
        return options

    def _make(
        self, folders: engines.BuildFolders, artifact: Path, precision: str, gpu: GpuSettings
    ) -> tuple[float, str]:
        """Builds into the folders; returns the seconds that creating the session took, and the precision."""
        options = self._options(gpu, folders.engines)
        options |= {"trt_timing_cache_enable": "True", "trt_timing_cache_path": str(folders.timings)}
        driver = CudaDriver.open(gpu.device)
        with closed_on_error(driver):
            begin_s = time.perf_counter()
            session = self.load(
                OnnxRuntimeTensorRtSession,
                driver,
                artifact,
                precision=precision,
                threads=1,
                gpu=dataclasses.replace(gpu, cuda_graph=False),
                options=options,
            )
            build_s = time.perf_counter() - begin_s
        with session:
            inputs = session.input_specs()
            batch = batch_of(inputs[first_image([spec.shape for spec in inputs])].shape) if inputs else 1
            session.inputs = check_inputs(inputs, batch or 1, artifact)
            session.start({spec.name: np.zeros(spec.fixed_shape, spec.dtype) for spec in session.inputs})
            return build_s, session.precision_effective()
