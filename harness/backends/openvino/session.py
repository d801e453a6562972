"""A network that OpenVINO compiled for the processor."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.units import MICROSECONDS_PER_MILLISECOND
from foundation.wording import counted, listed
from harness.backends.layers import WARM_UP_INFERENCES, LayerTime
from harness.backends.openvino.executed import ExecutedLayer, executed_layers, precision_of
from harness.backends.openvino.loading import compiled_network
from harness.backends.precision_check import check_products
from harness.backends.session import Arrays, Session, TensorSpec
from harness.errors import ArtifactError, FallbackError

if TYPE_CHECKING:
    import numpy.typing as npt

    from harness.files.onnx_graph import OnnxGraph
    from harness.vocabulary import LatencyKind


class OpenVinoSession(Session):
    """One inference request of a compiled network."""

    latency_kind: LatencyKind = "host"
    provider = "OpenVINO CPU"

    def __init__(self, artifact: Path, *, graph: OnnxGraph, precision: str, threads: int) -> None:
        """Reads and compiles the artifact.

        Args:
            artifact: the ONNX file.
            graph: what it contains; OpenVINO's ports have the names of other values too, that equal theirs.
            precision: the precision that must have been computed in.
            threads: threads of an inference.

        Raises:
            ArtifactError: the file cannot be read.
            UnsupportedError: OpenVINO lacks an operator, or did not take a property.
        """
        super().__init__(precision)
        self._artifact = artifact
        self._threads = threads
        self._output_names = [value.name for value in graph.outputs]
        self._input_names = {value.name for value in graph.inputs}
        self._compiled = compiled_network(artifact, precision, threads)
        self._request = self._compiled.create_infer_request()
        self._executed: list[ExecutedLayer] | None = None

    def input_specs(self) -> list[TensorSpec]:
        """Returns the specs of all inputs of the network."""
        return [_spec(port, self._input_names) for port in self._compiled.inputs]

    def start(self, values: npt.NDArray[Any] | Arrays) -> float:
        """See `Session.start`; a network that cannot compute on its inputs is the file's fault, or theirs."""
        try:
            return super().start(values)
        except RuntimeError as error:
            raise ArtifactError(
                f"{self._artifact} cannot compute on its inputs: {error} State other shapes with --resolution or "
                "--shape, or other values with --input-range or --input."
            ) from error

    def bind_impl(self, arrays: Arrays) -> None:
        """Has the request read the arrays where they are."""
        import openvino

        self._arrays = arrays
        for port, array in zip(self._compiled.inputs, arrays.values(), strict=True):
            self._request.set_tensor(port, openvino.Tensor(array, shared_memory=True))

    def infer(self) -> None:
        """Runs once on the bound input, in this thread; the outputs stay in the request."""
        self._request.infer(share_outputs=True)

    def outputs(self) -> dict[str, npt.NDArray[Any]]:
        """Returns copies of the outputs of the last inference."""
        ports = self._compiled.outputs
        return {
            name: self._request.get_tensor(port).data.copy()
            for name, port in zip(self._output_names, ports, strict=True)
        }

    def check_placement_impl(self) -> None:
        """Checks that no convolution or matrix product runs a kernel without vectors.

        Raises:
            FallbackError: one does.
        """
        slow = [layer for layer in self.layers() if layer.is_arithmetic and layer.is_slow]
        if slow:
            named = listed(f"{layer.kind} {layer.name!r} ({layer.kernel})" for layer in slow)
            raise FallbackError(
                f"OpenVINO runs {counted(len(slow), 'layer')} by a reference kernel, which says nothing of its speed: "
                f"{named}. Measure the model on another backend, or in another precision."
            )

    def check_precision_impl(self) -> None:
        """Checks that most convolutions and matrix products run in the requested precision.

        Raises:
            FallbackError: most of them run in another precision, or none in the requested one.
        """
        products = [(layer.kind, layer.precision) for layer in self.layers() if layer.is_arithmetic]
        check_products(self._artifact, self.precision, self.precision_effective(), products)
        super().check_precision_impl()

    def precision_effective(self) -> str:
        """Returns the precisions of the compiled convolutions and matrix products, or of all layers without any."""
        return precision_of(self.layers())

    def layers(self) -> list[ExecutedLayer]:
        """Returns the layers of the compiled network in order of execution."""
        if self._executed is None:
            self._executed = executed_layers(self._compiled)
        return self._executed

    def layer_times(self, inferences: int) -> list[LayerTime]:
        """Returns the times of the layers of a second network, compiled with the profiler on."""
        profiled = compiled_network(self._artifact, self.precision, self._threads, profiled=True)
        request = profiled.create_infer_request()
        for port, array in zip(profiled.inputs, self._arrays.values(), strict=True):
            request.set_tensor(port, _tensor(array))
        times_us: dict[str, list[float]] = {}
        for run in range(WARM_UP_INFERENCES + inferences):
            request.infer(share_outputs=True)
            if run < WARM_UP_INFERENCES:
                continue
            for one in request.get_profiling_info():
                times_us.setdefault(one.node_name, []).append(one.real_time.total_seconds() * 1e6)
        ran = [layer for layer in executed_layers(profiled) if layer.name in times_us]
        return [
            LayerTime(
                position=position,
                name=layer.name,
                kind=layer.kind,
                precision=layer.precision,
                time_ms=statistics.median(times_us[layer.name]) / MICROSECONDS_PER_MILLISECOND,
                variant=layer.variant,
                shapes=layer.shapes,
            )
            for position, layer in enumerate(ran)
        ]

    def close(self) -> None:
        """Frees the network."""
        del self._request
        del self._compiled


def _tensor(array: npt.NDArray[Any]) -> Any:
    import openvino

    return openvino.Tensor(array, shared_memory=True)


def _spec(port: Any, names: set[str]) -> TensorSpec:
    sizes = tuple(size.get_length() if size.is_static else None for size in port.get_partial_shape())
    dtype = "bool" if port.get_element_type().get_type_name() == "boolean" else str(port.get_element_type().to_dtype())
    (name,) = port.get_names() & names
    return TensorSpec(name, sizes, dtype)
