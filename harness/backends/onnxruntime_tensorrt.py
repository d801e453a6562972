"""ONNX Runtime with its TensorRT provider, which makes one engine of the whole network.

Precision. With none of its precision flags set, and TensorRT 9 or newer behind it, the provider builds strongly typed
networks (its pull request 18707), in which TensorRT computes every layer in the type that the graph gives it. That
the flags are off is read back from the session. The engine itself does not tell: the provider builds without
detailed profiling verbosity, so that TensorRT's inspector knows the names of its layers and nothing more. What
`precision_effective` says is therefore the types of the artifact, to which the engine is bound. A quantised graph
binds it to nothing, so INT8 is refused here; the backend tensorrt reads it from the engine. With TensorRT 8 networks
are weakly typed, and nothing at all can be told.

TF32. The provider has no option against it; the variable NVIDIA_TF32_OVERRIDE=0 keeps NVIDIA's libraries from it, in
TensorRT when an engine is built.
"""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.backends import onnxruntime_engines as engines
from harness.backends import onnxruntime_libraries as libraries
from harness.backends.base import (
    Availability,
    BuiltEngine,
    FallbackError,
    Session,
    TensorSpec,
    UnsupportedError,
    check_input,
)
from harness.backends.onnxruntime_gpu import OnnxRuntimeGpuBackend, OnnxRuntimeGpuSession, closed_on_error, dotted
from harness.backends.onnxruntime_types import bound_precision
from harness.errors import HarnessError
from harness.gpu.driver import CudaDriver
from harness.gpu.figures import GpuFigures
from harness.gpu.settings import GpuSettings

if TYPE_CHECKING:
    import onnxruntime

_LEAST_TENSORRT = 10

# How the provider's options look where they are off; which there are depends on the version.
_PRECISION_FLAGS = ("trt_fp16_enable", "trt_bf16_enable", "trt_int8_enable")
_OFF = ("0", "False", "false")

_BYTES_PER_MIB = 1024 * 1024


class OnnxRuntimeTensorRtSession(OnnxRuntimeGpuSession):
    """A session whose nodes are one engine."""

    engine: BuiltEngine | None = None
    """None while it is being built."""

    def precision_effective(self) -> str:
        """The types to which the engine is bound, see above."""
        return self.engine.precision_effective if self.engine else bound_precision(self._artifact)

    def gpu_figures(self) -> GpuFigures:
        """Those of every session on a GPU, and what is known of the engine."""
        figures = super().gpu_figures()
        if self.engine is None:
            return figures
        return dataclasses.replace(
            figures,
            engine_mib=self.engine.size_mib,
            engine_build_s=self.engine.build_s,
            engine_sha256=self.engine.sha256,
        )


class OnnxRuntimeTensorRtBackend(OnnxRuntimeGpuBackend):
    """ONNX Runtime with TensorRT."""

    name = "onnxruntime-tensorrt"
    builds_engines = True

    def __init__(self) -> None:
        super().__init__("TensorrtExecutionProvider")

    def availability(self) -> Availability:
        """As for CUDA; and whether the TensorRT is one whose precision can be told."""
        found = super().availability()
        version = libraries.major_version(self.library_names(), "libnvinfer") if found.usable else None
        if version is not None and version < _LEAST_TENSORRT:
            return Availability(
                False,
                f"This onnxruntime is built for TensorRT {version}, which chooses precisions without telling.",
                "Install a newer onnxruntime-gpu, or measure on the backend tensorrt.",
            )
        return found

    def library_names(self) -> list[str]:
        """Those of the provider's library."""
        return libraries.needed_libraries(libraries.provider_library("tensorrt"))

    def how_to_install(self, names: list[str], missing: list[str]) -> str:
        """As for CUDA; TensorRT has packages of its own, of which only one major version fits."""
        if not any(name.startswith(("libnvinfer", "libnvonnxparser")) for name in missing):
            return super().how_to_install(names, missing)
        cuda, version = (libraries.major_version(names, name) for name in ("libcudart", "libnvinfer"))
        return (
            f"Run: pip install 'tensorrt-cu{cuda}=={version}.*' (this onnxruntime is built for TensorRT {version} and "
            f"CUDA {cuda}; no other fits), or name the folder of TensorRT's libraries in LD_LIBRARY_PATH."
        )

    def runtime(self) -> str:
        """Versions of ONNX Runtime and of TensorRT."""
        names = [name for name in self.library_names() if name.startswith("libnvinfer.")]
        version = libraries.version_number(names[0], "getInferLibVersion") if names else None
        return super().runtime() + (f", TensorRT {dotted(version)}" if version else "")

    def build(self, artifact: Path, *, precision: str, gpu: GpuSettings, cache_dir: Path) -> BuiltEngine:
        """Have a session build the engine, run it once and check it as a trial does."""
        availability = self.availability()
        if not availability.usable:
            raise UnsupportedError(f"Backend {self.name}: {availability.why} {availability.what_to_do}")
        with CudaDriver.open(gpu.device) as driver:
            folder = self._folder(driver, artifact, precision, gpu, cache_dir)
        found = folder.find()
        if found:
            return found

        return folder.build(lambda folders: self._make(folders, artifact, precision, gpu))

    def prepare_impl(
        self, artifact: Path, *, precision: str, threads: int, gpu: GpuSettings, cache_dir: Path
    ) -> tuple[Session, list[TensorSpec]]:
        """Load the engine that was built."""
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
        """As on every provider; without TF32, and strongly typed."""
        os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
        session = super().create_session(artifact, threads, options)
        used = session.get_provider_options()[self.provider]
        set_flags = [name for name in _PRECISION_FLAGS if used.get(name, "0") not in _OFF]
        if set_flags:
            raise FallbackError(
                f"{self.provider} has {', '.join(set_flags)} on, though it was told not to, and so chooses precisions "
                "by itself. Unset the environment's ORT_TENSORRT_ variables."
            )
        return session

    def explain(self, error: Exception, artifact: Path) -> Exception:
        """As on every GPU; what TensorRT says of building and loading is told apart."""
        text = str(error).strip()
        if "could not deserialize engine from cache" in text:
            return HarnessError(f"TensorRT cannot load the engine of {artifact}: {text} Remove the file and run again.")
        if "TensorRT EP" in text:
            return HarnessError(f"TensorRT cannot make an engine of {artifact}: {text} Its own messages say more.")
        return super().explain(error, artifact)

    def _folder(
        self, driver: CudaDriver, artifact: Path, precision: str, gpu: GpuSettings, cache_dir: Path
    ) -> engines.EngineFolder:
        key = engines.EngineKey(
            artifact_sha256=engines.file_sha256(artifact),
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
            options["trt_max_workspace_size"] = str(gpu.workspace_mib * _BYTES_PER_MIB)
        return options

    def _make(
        self, folders: engines.BuildFolders, artifact: Path, precision: str, gpu: GpuSettings
    ) -> tuple[float, str]:
        """Build into the folders; return the seconds that creating the session took, and the precision."""
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
            batch = inputs[0].shape[0] if inputs and inputs[0].shape else 1
            session.input = check_input(inputs, batch if isinstance(batch, int) else 1, artifact)
            session.start(np.zeros(session.input.fixed_shape, dtype=np.float32))
            return build_s, session.precision_effective()
