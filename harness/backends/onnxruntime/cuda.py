"""ONNX Runtime with its CUDA provider, which runs node by node with the kernels of cuDNN, cuBLAS and its own."""

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
    # The provider has no kernels for integer convolutions.
    precisions = ("fp32", "fp16")

    def __init__(self) -> None:
        super().__init__("CUDAExecutionProvider")

    def library_names(self) -> list[str]:
        """Returns the libraries that the provider's library needs, and cuDNN, which newer ones open themselves."""
        names = libraries.needed_libraries(libraries.provider_library("cuda"))
        return names if not names or any(name.startswith("libcudnn.") for name in names) else [*names, libraries.CUDNN]

    def runtime(self) -> str:
        """Returns the versions of ONNX Runtime and of cuDNN, which provides most of the kernels."""
        version = libraries.version_number(libraries.CUDNN, "cudnnGetVersion")
        return super().runtime() + (f", cuDNN {dotted(version)}" if version else "")

    def prepare_impl(
        self, artifact: Path, *, precision: str, threads: int, gpu: GpuSettings, cache_dir: Path
    ) -> tuple[Session, list[TensorSpec]]:
        """Creates the session on the device."""
        del cache_dir  # Nothing is built.
        options = {
            "device_id": str(gpu.device),
            # The default, made explicit: the first inference tries every algorithm of cuDNN.
            "cudnn_conv_algo_search": "EXHAUSTIVE",
            # On by default; it computes a float32 product from operands with a 10-bit mantissa.
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
