"""One loaded network, with the operations that the measuring loop and the checks need."""

from __future__ import annotations

import abc
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from foundation.units import NANOSECONDS_PER_MILLISECOND
from harness.errors import ArtifactError, FallbackError, UnsupportedError
from harness.files.shapes import batch_of, first_image

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from harness.backends.layers import LayerTime
    from harness.backends.subnormals import Subnormals
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


Arrays = Mapping[str, "npt.NDArray[Any]"]
"""The values of inputs or outputs, by name."""


class Session(abc.ABC):
    """One loaded network with its inputs bound; use it as a context manager.

    Call `start` before `infer`: it binds the inputs, runs once, and proves that the network runs
    where and how it was requested.
    """

    inputs: Sequence[TensorSpec]
    """All inputs, in the network's order."""
    provider: str
    latency_kind: LatencyKind
    load_s: float
    """Seconds that `Backend.prepare` took to load the network."""

    def __init__(self, precision: str) -> None:
        self.precision = precision

    @property
    def input(self) -> TensorSpec:
        """The input that images go into."""
        return self.inputs[first_image([spec.shape for spec in self.inputs])]

    def start(self, values: npt.NDArray[Any] | Arrays) -> float:
        """Binds the inputs, runs the first inference and checks how it ran; returns its milliseconds.

        Args:
            values: those of each input, or of the only one.
        """
        self.bind_impl(self._checked(values))
        begin_ns = time.perf_counter_ns()
        self.infer()
        first_ms = (time.perf_counter_ns() - begin_ns) / NANOSECONDS_PER_MILLISECOND
        self.check_placement_impl()
        self.check_precision_impl()
        return first_ms

    def run(self, values: npt.NDArray[Any] | Arrays) -> dict[str, npt.NDArray[Any]]:
        """Returns the outputs for values other than those of `start`, which must come first; not for timing."""
        self.feed_impl(self._checked(values))
        self.infer()
        return self.outputs()

    def _checked(self, values: npt.NDArray[Any] | Arrays) -> dict[str, npt.NDArray[Any]]:
        """Returns the values of each input in contiguous memory, after a check of their shapes and types."""
        # Not at the top: a process that builds engines has no images.
        import numpy as np

        arrays = values if isinstance(values, Mapping) else {self.inputs[0].name: values}
        if set(arrays) != {spec.name for spec in self.inputs}:
            wanted = ", ".join(spec.name for spec in self.inputs)
            raise ValueError(f"The network has the inputs {wanted}, not {', '.join(arrays)}.")
        for spec in self.inputs:
            array = arrays[spec.name]
            if array.shape != spec.shape or str(array.dtype) != spec.dtype:
                raise ValueError(
                    f"The network takes {spec.dtype} {spec.shape} as {spec.name!r}, not {array.dtype} {array.shape}."
                )
        # A scalar stays one, which ascontiguousarray would give a dimension.
        return {spec.name: np.require(arrays[spec.name], requirements="C") for spec in self.inputs}

    @abc.abstractmethod
    def bind_impl(self, arrays: Arrays) -> None:
        """Puts the inputs where the runtime reads them, so that `infer` copies nothing."""

    def feed_impl(self, arrays: Arrays) -> None:
        """Replaces the inputs that `bind_impl` bound; a runtime that need not bind again overrides it."""
        self.bind_impl(arrays)

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

    def subnormals(self) -> Subnormals | None:
        """Returns the share of subnormal numbers, counted after everything timed; None where they cost nothing."""
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


_DTYPES = frozenset(
    f"{kind}{bits}"
    for kind, sizes in (("float", (16, 32, 64)), ("int", (8, 16, 32, 64)), ("uint", (8, 16, 32, 64)))
    for bits in sizes
) | {"bool"}
"""Types of inputs for which numpy has values."""


def check_inputs(inputs: Sequence[TensorSpec], batch: int, artifact: Path) -> Sequence[TensorSpec]:
    """Returns the inputs, which must have fixed shapes, types that can be filled, and the requested batch.

    Raises:
        ArtifactError: a shape is not fixed, the batch is another, or there are no inputs.
        UnsupportedError: an input is not a tensor of numbers.
    """
    if not inputs:
        raise ArtifactError(f"{artifact} has no inputs; a network that computes a constant cannot be measured.")
    for spec in inputs:
        if spec.dtype not in _DTYPES:
            raise UnsupportedError(
                f"{artifact}: input {spec.name!r} is {spec.dtype}, for which there are no values to measure with. "
                "Export it with inputs of numbers that numpy has: floats of 16 to 64 bits, integers or bool."
            )
        if any(not isinstance(size, int) or size <= 0 for size in spec.shape):
            raise ArtifactError(
                f"{artifact}: input {spec.name!r} has the dynamic shape {list(spec.shape)}. Fix it with --batch, "
                f"--resolution or --shape {spec.name}:1x3x224x224, or export it with a fixed shape."
            )
    image = inputs[first_image([spec.shape for spec in inputs])]
    if batch_of(image.shape) != batch:
        raise ArtifactError(
            f"{artifact}: input {image.name!r} has the shape {list(image.shape)}, but batch {batch} was requested. "
            f"Export the model at batch {batch}, or request another batch."
        )
    return inputs
