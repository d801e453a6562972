"""ONNX Runtime on an NVIDIA GPU: the common part of the CUDA and TensorRT providers.

Sessions run in a stream that this module creates (`user_compute_stream`) and do not wait for the device at the end of
a run (`disable_synchronize_execution_providers`), so that CUDA events around a run measure how long the GPU computes,
as for TensorRT itself. Inputs and outputs are kept in fixed device memory. CUDA graphs are captured by the same timer
as everywhere, not by the providers (`enable_cuda_graph`, `trt_cuda_graph_enable`): the CUDA provider waits after each
replay in versions before pull request 28686 of 2026, the TensorRT provider in all versions, and the time between the
events would then include the host's.

Sources: onnxruntime.ai/docs/execution-providers (CUDA, TensorRT), pull requests 14088, 19229 and 28686 and issue 19094
of microsoft/onnxruntime; names of options and messages as in onnxruntime-gpu 1.31.1.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from harness.backends.backend import Availability, Backend
from harness.backends.onnxruntime import libraries
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend, OnnxRuntimeSession, tensor_specs
from harness.backends.session import Arrays, TensorSpec
from harness.errors import ArtifactError, FallbackError, NoGpuError, UnsupportedError
from harness.files.shapes import batch_of
from harness.machine.gpu.devices import cuda_devices
from harness.machine.gpu.driver import CudaDriver
from harness.machine.gpu.figures import GpuFigures
from harness.machine.gpu.settings import GpuSettings
from harness.timing.cuda_events import GpuTimer
from harness.vocabulary import LatencyKind

if TYPE_CHECKING:
    import onnxruntime

# Allowed difference between the outputs of a replayed graph and of a run without a graph, as a share of the largest:
# the kernels are the same, but the order of summation varies in some.
_GRAPH_TOLERANCE = 0.01

_INSTALL = "pip install 'onnxruntime-gpu[cuda,cudnn]'"
_REPLACE = f"pip uninstall -y onnxruntime onnxruntime-gpu; {_INSTALL}"
_ONLY_ONE = "the two share one folder, so only one may be installed; a Jetson needs the wheel for its JetPack"
_WITHOUT_GPU = "On a machine without an NVIDIA GPU, use --backend onnxruntime."
_UPGRADE = "Upgrade it: pip install --upgrade onnxruntime-gpu"

# What the runtime's messages mean if no session can be created, by a part of the message.
_MEANINGS = {
    "CUDA failure 35": "The NVIDIA driver is too old for it: install a newer driver, or an older onnxruntime-gpu.",
    "CUDA failure 100": "It finds no GPU. Check `nvidia-smi` and CUDA_VISIBLE_DEVICES.",
    "CUDA failure 209": "It has no kernels for this GPU. Install a version of onnxruntime-gpu that supports it.",
    "Invalid device ID": "Choose another --device.",
    "Please install TensorRT libraries": "TensorRT's libraries do not load; `python -m harness env` lists them.",
    "Unknown provider option": f"It is too old. {_UPGRADE}",
    "Invalid TensorRT EP option": f"It is too old. {_UPGRADE}",
}


@dataclasses.dataclass(frozen=True)
class _BoundTensor:
    """An input or output in device memory, and the page-locked memory from or to which it is copied."""

    name: str
    pointer: int
    host: npt.NDArray[Any]


class OnnxRuntimeGpuSession(OnnxRuntimeSession):
    """A session whose inputs and outputs stay on the GPU."""

    latency_kind: LatencyKind = "gpu_compute"

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        artifact: Path,
        *,
        provider: str,
        precision: str,
        threads: int,
        options: dict[str, str],
        driver: CudaDriver,
        stream: int,
        gpu: GpuSettings,
        custom_operators: Path | None = None,
    ) -> None:
        """Wraps a session that computes in the stream; the driver is closed with it."""
        super().__init__(
            session,
            artifact,
            provider=provider,
            precision=precision,
            threads=threads,
            options=options,
            custom_operators=custom_operators,
        )
        import onnxruntime

        self._driver = driver
        self._stream = stream
        self._gpu = gpu
        self._run_options = onnxruntime.RunOptions()
        self._run_options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        self._timer = GpuTimer(driver, stream, self._enqueue, gpu)

    def start(self, values: npt.NDArray[Any] | Arrays) -> float:
        """See `Session.start`; if a CUDA graph is requested, it is also captured and its outputs are checked."""
        first_ms = super().start(values)
        if self._gpu.cuda_graph:
            self._check_graph()
        return first_ms

    def bind_impl(self, arrays: Arrays) -> None:
        """Copies the inputs to the device and reserves memory there for the outputs.

        Raises:
            ArtifactError: an output does not have a fixed shape.
        """
        outputs = tensor_specs(self._session.get_outputs())
        for spec in outputs:
            if any(not isinstance(size, int) for size in spec.shape):
                raise ArtifactError(
                    f"{self._artifact}: output {spec.name!r} has the dynamic shape {list(spec.shape)}, so no memory "
                    "can be reserved for it on the GPU. Export the model with fixed shapes."
                )
        self._arrays = arrays
        self._placed = [self._place(spec) for spec in self.inputs]
        self._fill(arrays)
        self._outputs = [self._place(spec) for spec in outputs]
        index = self._gpu.device
        for bind, tensors in ((self._binding.bind_input, self._placed), (self._binding.bind_output, self._outputs)):
            for tensor in tensors:
                bind(tensor.name, "cuda", index, tensor.host.dtype.type, tensor.host.shape, tensor.pointer)
        self._driver.synchronise(self._stream)

    def feed_impl(self, arrays: Arrays) -> None:
        """Copies other values into the memory that is reserved for the inputs."""
        self._fill(arrays)
        self._driver.synchronise(self._stream)

    def infer(self) -> None:
        """Runs once and waits for the GPU."""
        self._timer.infer()

    def outputs(self) -> dict[str, npt.NDArray[Any]]:
        """Returns copies of the outputs of the last inference."""
        self._copy_out()
        self._driver.synchronise(self._stream)
        return {tensor.name: tensor.host.copy() for tensor in self._outputs}

    def time_block(self, latencies_ns: npt.NDArray[np.int64], clock_ns: object = None) -> None:
        """Fills `latencies_ns` with the GPU compute times of inferences, one per element, from CUDA events."""
        del clock_ns  # The GPU's own clock is used.
        self._timer.time_block(latencies_ns)

    def gpu_figures(self) -> GpuFigures:
        """Returns host latency, copy and enqueue times, throughput and warnings, as for TensorRT."""
        return self._timer.figures(self._copy_in, self._copy_out, batch_of(self.input.shape) or 1)

    def close(self) -> None:
        """Frees the session, then the device memory and the stream that it used."""
        super().close()
        self._driver.close()

    def _enqueue(self) -> None:
        self._session.run_with_iobinding(self._binding, self._run_options)

    def _fill(self, arrays: Arrays) -> None:
        for tensor in self._placed:
            tensor.host[...] = arrays[tensor.name]
        self._copy_in()

    def _copy_in(self) -> None:
        for tensor in self._placed:
            self._driver.copy_to_device(tensor.pointer, tensor.host, self._stream)

    def _copy_out(self) -> None:
        for tensor in self._outputs:
            self._driver.copy_to_host(tensor.host, tensor.pointer, self._stream)

    def _place(self, spec: TensorSpec) -> _BoundTensor:
        host = self._driver.pinned(spec.fixed_shape, spec.dtype)
        return _BoundTensor(spec.name, self._driver.allocate(host.nbytes), host)

    def _check_graph(self) -> None:
        """Captures the graph and checks that its replay computes the outputs.

        The runtime does not know that it is being captured. It still allocates in its second run, which is
        therefore made without a graph ("at least two regular runs", tensorrt_execution_provider.h).

        Raises:
            FallbackError: the replay produces other outputs than the run without a graph.
        """
        expected = self.outputs()
        self._enqueue()
        for tensor in self._outputs:
            # These bytes are NaN in every float type.
            tensor.host.reshape(-1).view(np.uint8)[:] = 0xFF
            self._driver.copy_to_device(tensor.pointer, tensor.host, self._stream)
        self._timer.infer()
        for name, values in self.outputs().items():
            limit = _GRAPH_TOLERANCE * float(np.abs(expected[name].astype(np.float64)).max(initial=0.0))
            if not np.allclose(values, expected[name], rtol=0.0, atol=limit):
                raise FallbackError(
                    f"{self.provider} computes a different {name!r} with a CUDA graph than without one. "
                    "Run without --cuda-graph, or measure on the backend tensorrt."
                )


Loaded = TypeVar("Loaded", bound=OnnxRuntimeGpuSession)


class OnnxRuntimeGpuBackend(OnnxRuntimeBackend):
    """ONNX Runtime with one of its providers for NVIDIA GPUs."""

    on_gpu = True
    # Memory on the GPU is reserved for outputs, whose sizes must be known.
    feeds_free_sizes = False
    # Measured on processors alone.
    warmup_s = Backend.warmup_s

    def availability(self) -> Availability:
        """Returns whether the GPU build, the driver and all libraries of the provider are available."""
        try:
            import onnxruntime
        except ImportError as error:
            return Availability(False, f"onnxruntime does not load: {error}.", f"Run: {_INSTALL}")
        if self.provider not in onnxruntime.get_available_providers():
            why = f"onnxruntime {onnxruntime.__version__} has no {self.provider}: it is not the GPU build."
            return Availability(False, why, f"Run: {_REPLACE} ({_ONLY_ONE})")
        try:
            devices = cuda_devices()
        except NoGpuError as error:
            return Availability(False, str(error), _WITHOUT_GPU)
        if not devices:
            return Availability(
                False, "CUDA sees no GPU.", f"Check CUDA_VISIBLE_DEVICES and `nvidia-smi -L`. {_WITHOUT_GPU}"
            )
        names = self.library_names()
        libraries.preload(names)
        missing = libraries.missing(names)
        if missing:
            why = f"{self.provider} needs {', '.join(missing)}, which cannot be loaded."
            return Availability(False, why, self.how_to_install(names, missing))
        names_of_gpus = " and ".join(dict.fromkeys(device.name for device in devices))
        return Availability(True, f"{self.runtime()} on {names_of_gpus}.")

    @abc.abstractmethod
    def library_names(self) -> list[str]:
        """Returns the libraries that the provider needs; none if its own library does not list them."""

    def how_to_install(self, names: list[str], missing: list[str]) -> str:
        """Returns advice for installing the missing ones of the needed libraries."""
        del missing
        cuda = libraries.major_version(names, "libcudart")
        return f"Run: {_INSTALL}, or install CUDA {cuda or ''} and cuDNN 9 and add their folders to LD_LIBRARY_PATH."

    def load(
        self,
        kind: type[Loaded],
        driver: CudaDriver,
        artifact: Path,
        *,
        precision: str,
        threads: int,
        gpu: GpuSettings,
        options: dict[str, str],
    ) -> Loaded:
        """Creates a session of this kind with these options of the provider, in a new stream of the driver."""
        stream = driver.stream()
        session = self.create_session(artifact, threads, {**options, "user_compute_stream": str(stream)})
        return kind(
            session,
            artifact,
            provider=self.provider,
            precision=precision,
            threads=threads,
            options=options,
            driver=driver,
            stream=stream,
            gpu=gpu,
            custom_operators=self.custom_operators,
        )

    def explain(self, error: Exception, artifact: Path) -> Exception:
        """See `OnnxRuntimeBackend.explain`; messages about the GPU, its driver and its libraries come first."""
        text = str(error)
        for words, meaning in _MEANINGS.items():
            if words in text:
                return UnsupportedError(f"This onnxruntime cannot use the GPU: {meaning} It says: {text.strip()}")
        return super().explain(error, artifact)


@contextlib.contextmanager
def closed_on_error(driver: CudaDriver) -> Iterator[None]:
    """Closes the driver if the body fails."""
    try:
        yield
    except BaseException:
        driver.close()
        raise


def dotted(version: int) -> str:
    """Version of cuDNN 9 or TensorRT 10 from its number, as 9.24.0 for 92400."""
    return f"{version // 10000}.{version // 100 % 100}.{version % 100}"
