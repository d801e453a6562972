"""ONNX Runtime with its CUDA provider, which runs node by node on the kernels of cuDNN, cuBLAS and its own."""

from __future__ import annotations

from pathlib import Path

from harness.backends.onnxruntime import libraries
from harness.backends.onnxruntime.gpu import OnnxRuntimeGpuBackend, OnnxRuntimeGpuSession, closed_on_error, dotted
from harness.backends.session import Session, TensorSpec
from harness.machine.gpu.driver import CudaDriver
from harness.machine.gpu.settings import GpuSettings


class OnnxRuntimeCudaBackend(OnnxRuntimeGpuBackend):
    """ONNX Runtime with CUDA's own libraries, cuDNN and cuBLAS."""

    name = "onnxruntime-cuda"
    # It has no kernels for integer convolutions.
    precisions = ("fp32", "fp16")

    def __init__(self) -> None:
        super().__init__("CUDAExecutionProvider")

    def library_names(self) -> list[str]:
        """Those of the provider's library, and cuDNN, which newer ones open by themselves."""
        names = libraries.needed_libraries(libraries.provider_library("cuda"))
        return names if not names or any(name.startswith("libcudnn.") for name in names) else [*names, libraries.CUDNN]

    def runtime(self) -> str:
        """Versions of ONNX Runtime and of cuDNN, which brings most of the kernels."""
        version = libraries.version_number(libraries.CUDNN, "cudnnGetVersion")
        return super().runtime() + (f", cuDNN {dotted(version)}" if version else "")

    def prepare_impl(
        self, artifact: Path, *, precision: str, threads: int, gpu: GpuSettings, cache_dir: Path
    ) -> tuple[Session, list[TensorSpec]]:
        """Create the session on the device."""
        del cache_dir  # Nothing is built.
        options = {
            "device_id": str(gpu.device),
            # The default, stated: every algorithm of cuDNN is tried in the first inference.
            "cudnn_conv_algo_search": "EXHAUSTIVE",
            # On by default; with it a float32 product is computed from operands of 10 bits.
            "use_tf32": "0",
        }
        driver = CudaDriver.open(gpu.device)
        with closed_on_error(driver):
            session = self.load(
                OnnxRuntimeGpuSession,
                driver,
                artifact,
                precision=precision,
                threads=threads,
                gpu=gpu,
                options=options,
            )
            return session, session.input_specs()
