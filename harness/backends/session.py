"""One loaded network, with the operations that the measuring loop and the checks need."""

from __future__ import annotations

import abc
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from foundation.units import NANOSECONDS_PER_MILLISECOND
from harness.errors import ArtifactError, FallbackError, UnsupportedError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from harness.backends.layers import LayerTime
    from harness.machine.gpu.figures import GpuFigures
    from harness.vocabulary import LatencyKind


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """An input or output of the network; a dimension that is not fixed is a string or None."""

    name: str
    shape: tuple[int | str | None, ...]
    dtype: str
    """Numpy's name of the type, as in `float32`."""

    @property
    def fixed_shape(self) -> tuple[int, ...]:
        """The shape of a tensor without dynamic dimensions."""
        sizes = tuple(size for size in self.shape if isinstance(size, int))
        if len(sizes) != len(self.shape):
            raise ValueError(f"Input {self.name!r} has the dynamic shape {self.shape}.")
        return sizes


class Session(abc.ABC):
    """One loaded network with its input bound; use it as a context manager.

    Call `start` before `infer`: it binds the input, runs once, and proves that the network runs
    where and how it was requested.
    """

    input: TensorSpec
    provider: str
    latency_kind: LatencyKind
    load_s: float
    """Seconds that `Backend.prepare` took to load the network."""

    def __init__(self, precision: str) -> None:
        self.precision = precision

    def start(self, images: npt.NDArray[np.float32]) -> float:
        """Binds `images`, runs the first inference and checks how it ran; returns its milliseconds."""
        self.bind_impl(self._checked(images))
        begin_ns = time.perf_counter_ns()
        self.infer()
        first_ms = (time.perf_counter_ns() - begin_ns) / NANOSECONDS_PER_MILLISECOND
        self.check_placement_impl()
        self.check_precision_impl()
        return first_ms

    def run(self, images: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[Any]]:
        """Returns the outputs for images other than those of `start`, which must come first; not for timing."""
        self.feed_impl(self._checked(images))
        self.infer()
        return self.outputs()

    def _checked(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Returns the images in contiguous memory, after a check of their shape and type."""
        if images.shape != self.input.shape or str(images.dtype) != self.input.dtype:
            raise ValueError(
                f"The network takes {self.input.dtype} {self.input.shape}, not {images.dtype} {images.shape}."
            )
        # Not at the top: a process that builds engines has no images.
        import numpy as np

        return np.ascontiguousarray(images)

    @abc.abstractmethod
    def bind_impl(self, images: npt.NDArray[np.float32]) -> None:
        """Puts the input where the runtime reads it, so that `infer` copies nothing."""

    def feed_impl(self, images: npt.NDArray[np.float32]) -> None:
        """Replaces the input that `bind_impl` bound; a runtime that need not bind again overrides it."""
        self.bind_impl(images)

    @abc.abstractmethod
    def infer(self) -> None:
        """Runs once on the bound input and returns when the outputs are complete."""

    @abc.abstractmethod
    def outputs(self) -> dict[str, npt.NDArray[Any]]:
        """Returns the outputs of the last inference."""

    @abc.abstractmethod
    def check_placement_impl(self) -> None:
        """Checks where the first inference ran.

        Raises:
            FallbackError: a node ran on another provider.
        """

    def check_precision_impl(self) -> None:
        """Checks that the first inference computed in the requested precision.

        Raises:
            FallbackError: it did not.
        """
        effective = self.precision_effective()
        if self.precision not in effective.split("+"):
            raise FallbackError(
                f"{self.precision} was requested, but the runtime computed in {effective}. "
                f"Request {effective}, or a backend that has {self.precision} kernels."
            )

    @abc.abstractmethod
    def precision_effective(self) -> str:
        """Returns the precision of convolutions and matrix products, as in `fp32`, or several, as in `fp16+fp32`."""

    @abc.abstractmethod
    def close(self) -> None:
        """Frees the runtime's memory."""

    def time_block(
        self, latencies_ns: npt.NDArray[np.int64], clock_ns: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        """Fills `latencies_ns` with the times of inferences back to back, one per element.

        This is host time; a backend with another `latency_kind` overrides it.
        """
        infer = self.infer
        for index in range(len(latencies_ns)):
            begin_ns = clock_ns()
            infer()
            latencies_ns[index] = clock_ns() - begin_ns

    def gpu_figures(self) -> GpuFigures | None:
        """Measures what follows the blocks, such as transfers to a GPU and back; returns None on a processor."""
        return None

    def layer_times(self, inferences: int) -> list[LayerTime]:
        """Returns the runtime's own profile over this number of inferences, in order of execution.

        This session must stay as fast as before: a runtime that profiling slows down permanently profiles a copy.

        Raises:
            UnsupportedError: the runtime has no profiler.
        """
        del inferences
        raise UnsupportedError(f"{self.provider} cannot profile single layers.")

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_input(inputs: list[TensorSpec], batch: int, artifact: Path) -> TensorSpec:
    """Returns the only input, which must be float32 and have a fixed shape and the requested batch.

    Raises:
        ArtifactError: the inputs are different.
    """
    if len(inputs) != 1:
        names = ", ".join(spec.name for spec in inputs) or "none"
        raise ArtifactError(
            f"{artifact} has {len(inputs)} inputs ({names}); only networks with one input can be measured. "
            "Make the others constants before exporting."
        )
    spec = inputs[0]
    if not spec.shape or any(not isinstance(size, int) or size <= 0 for size in spec.shape):
        raise ArtifactError(
            f"{artifact}: input {spec.name!r} has the dynamic shape {list(spec.shape)}. "
            f"Export it with a fixed shape, batch {batch} first."
        )
    if spec.dtype != "float32":
        raise ArtifactError(
            f"{artifact}: input {spec.name!r} is {spec.dtype}, not float32. "
            "Export it with a float32 input; lower precisions start inside the graph."
        )
    if spec.shape[0] != batch:
        raise ArtifactError(
            f"{artifact}: input {spec.name!r} has the shape {list(spec.shape)}, but batch {batch} was requested. "
            f"Export the model at batch {batch}, or request another batch."
        )
    return spec
