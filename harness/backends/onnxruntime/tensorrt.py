"""ONNX Runtime with its TensorRT provider, which makes one engine of the whole network.

Precision. An engine that the provider built does not tell what it computes in: it is built without detailed profiling
verbosity, so that TensorRT's inspector knows the names of its layers and nothing more. Nor do the types of the graph:
the networks are weakly typed (1.31.1 calls createNetworkV2 with no flag; other versions set STRONGLY_TYPED), so that
a float16 graph needs the flag `trt_fp16_enable`, and with it TensorRT chooses for each layer what is faster. One case
is certain: a float32 graph with every precision flag off, which the session is asked for, leaves TensorRT nothing
but float32. So this backend measures that, and refuses what it could not vouch for; the backend tensorrt reads all
precisions from the engine.

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

from foundation.units import BYTES_PER_MIB
from harness.backends.backend import BuiltEngine
from harness.backends.onnxruntime import engines, libraries
from harness.backends.onnxruntime.gpu import OnnxRuntimeGpuBackend, OnnxRuntimeGpuSession, closed_on_error, dotted
from harness.backends.onnxruntime.types import is_float32
from harness.backends.session import Session, TensorSpec, check_input
from harness.errors import FallbackError, HarnessError
from harness.files.artifact_digest import artifact_sha256
from harness.machine.gpu.driver import CudaDriver
from harness.machine.gpu.figures import GpuFigures
from harness.machine.gpu.settings import GpuSettings

if TYPE_CHECKING:
    import onnxruntime

# How the provider's options look where they are off; which there are depends on the version.
_PRECISION_FLAGS = ("trt_fp16_enable", "trt_bf16_enable", "trt_int8_enable")
_OFF = ("0", "False", "false")


class OnnxRuntimeTensorRtSession(OnnxRuntimeGpuSession):
    """A session whose nodes are one engine."""

    engine: BuiltEngine | None = None
    """None while it is being built."""

    def precision_effective(self) -> str:
        """float32 where it is certain, see above."""
        if self.engine:
            return self.engine.precision_effective
        return "fp32" if is_float32(self._artifact) else "unknown"

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
    precisions = ("fp32",)
    builds_engines = True

    def __init__(self) -> None:
        super().__init__("TensorrtExecutionProvider")

    def library_names(self) -> list[str]:
        """Those of the provider's library."""
        return libraries.needed_libraries(libraries.provider_library("tensorrt"))

    def how_to_install(self, names: list[str], missing: list[str]) -> str:
        """As for CUDA; TensorRT has packages of its own, of which only one major version fits."""
        of_tensorrt = [name for name in missing if name.startswith(("libnvinfer", "libnvonnxparser"))]
        advice = [super().how_to_install(names, missing)] if len(of_tensorrt) < len(missing) else []
        if of_tensorrt:
            cuda, version = (libraries.major_version(names, name) for name in ("libcudart", "libnvinfer"))
            advice.append(
                f"Run: pip install 'tensorrt-cu{cuda}=={version}.*' (this onnxruntime is built for TensorRT {version} "
                f"and CUDA {cuda}; no other fits), or name the folder of TensorRT's libraries in LD_LIBRARY_PATH."
            )
        return " ".join(advice)

    def runtime(self) -> str:
        """Versions of ONNX Runtime and of TensorRT."""
        names = [name for name in self.library_names() if name.startswith("libnvinfer.")]
        version = libraries.version_number(names[0], "getInferLibVersion") if names else None
        return super().runtime() + (f", TensorRT {dotted(version)}" if version else "")

    def build(self, artifact: Path, *, precision: str, gpu: GpuSettings, cache_dir: Path) -> BuiltEngine:
        """Have a session build the engine, run it once and check it as a trial does."""
        self.check(artifact, precision)
        with CudaDriver.open(gpu.device) as driver:
            folder = self._folder(driver, artifact, precision, gpu, cache_dir)
        return folder.find() or folder.build(lambda folders: self._make(folders, artifact, precision, gpu))

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
        """As on every provider; without TF32, and with no precision flag on."""
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
