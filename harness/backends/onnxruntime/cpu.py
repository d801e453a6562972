"""ONNX Runtime: the common part of its providers, and the provider for the processor."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.wording import counted, listed
from harness.backends.backend import Availability, Backend
from harness.backends.onnxruntime import custom_operators, nodes
from harness.backends.precision_check import check_products
from harness.backends.session import Arrays, Session, TensorSpec
from harness.backends.subnormals import Subnormals
from harness.errors import ArtifactError, FallbackError, UnsupportedError
from harness.files.onnx_graph import fed_shapes
from harness.machine.gpu.settings import GpuSettings

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnxruntime

    from harness.backends.layers import LayerTime
    from harness.vocabulary import LatencyKind

# ONNX Runtime's names of element types that differ from numpy's.
_DTYPES = {"float": "float32", "double": "float64"}

_CPU_PROVIDER = "CPUExecutionProvider"

# The runtime's words for a file that is truncated or not ONNX at all: a cut between two parts of the
# outermost message leaves a readable message without its last parts.
_UNREADABLE = (
    *("INVALID_PROTOBUF", "Protobuf parsing failed", "ModelProto does not have", "No graph was found"),
    "Missing opset",
)

# The runtime's words for values or shapes that an operator refuses when it runs.
_INPUTS_FAULT = "Non-zero status code returned while running"

# The runtime's words for operators that do not fit together, as after free sizes of inputs were fixed.
_DO_NOT_FIT = ("ShapeInferenceError", "Can't merge shape info", "TypeInferenceError")

# The runtime's words for a newer format, opset or operator than it supports.
_NOT_SUPPORTED = (
    "NOT_IMPLEMENTED",
    "Unsupported model IR version",
    "only *guarantees* support",
    "No Op registered",
)


class OnnxRuntimeSession(Session):
    """A session on one provider, here the processor's; sessions on a GPU keep inputs and outputs elsewhere."""

    latency_kind: LatencyKind = "host"

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        artifact: Path,
        *,
        provider: str,
        precision: str,
        threads: int,
        options: dict[str, str] | None = None,
        custom_operators: Path | None = None,
    ) -> None:
        """Wraps a session; `options` are the provider's options for a second session on the same artifact."""
        super().__init__(precision)
        self._custom_operators = custom_operators
        self.provider = provider
        self._options = options or {}
        self._session = session
        self._artifact = artifact
        self._threads = threads
        self._binding = session.io_binding()
        self._planned = nodes.planned_nodes(session)
        self._executed: list[nodes.ExecutedNode] | None = None

    def start(self, values: npt.NDArray[Any] | Arrays) -> float:
        """See `Session.start`; a network that cannot compute on its inputs is the file's fault, or theirs."""
        try:
            return super().start(values)
        except Exception as error:
            if _INPUTS_FAULT not in str(error) or "CUDA" in str(error):
                raise
            shapes = ", ".join(f"{spec.name} {list(spec.shape)}" for spec in self.inputs)
            raise ArtifactError(
                f"{self._artifact} cannot compute on its inputs, {shapes}: {error} State other shapes with "
                "--resolution or --shape, or other values with --input-range or --input."
            ) from error

    def input_specs(self) -> list[TensorSpec]:
        """Returns the specs of all inputs of the network, with the shapes that the file says they are fed with."""
        fed = fed_shapes(self._session.get_modelmeta().custom_metadata_map)
        specs = tensor_specs(self._session.get_inputs())
        return [dataclasses.replace(spec, shape=fed.get(spec.name, spec.shape)) for spec in specs]

    def bind_impl(self, arrays: Arrays) -> None:
        """Binds the inputs to buffers of the runtime, which allocates the outputs from its own arena."""
        import onnxruntime

        self._arrays = arrays
        self._input_values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in arrays.values()]
        for name, value in zip(arrays, self._input_values, strict=True):
            self._binding.bind_ortvalue_input(name, value)
        for output in self._session.get_outputs():
            self._binding.bind_output(output.name)

    def infer(self) -> None:
        """Runs once on the bound input."""
        self._session.run_with_iobinding(self._binding)

    def outputs(self) -> dict[str, npt.NDArray[Any]]:
        """Returns copies of the outputs of the last inference."""
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, self._binding.copy_outputs_to_cpu(), strict=True))

    def check_placement_impl(self) -> None:
        """Checks that every node is placed on the requested provider.

        Raises:
            FallbackError: a node is on another provider.
        """
        placed: list[nodes.PlannedNode] | list[nodes.ExecutedNode] = self._planned or self._executed_nodes()
        strangers = [node for node in placed if node.provider != self.provider]
        if strangers:
            shown = ", ".join(f"{node.operator} {node.name!r} on {node.provider}" for node in strangers[:3])
            raise FallbackError(
                f"{len(strangers)} of {len(placed)} nodes are not on {self.provider}: "
                f"{shown}. Measure the model on a provider that supports all its operators."
            )

    def check_precision_impl(self) -> None:
        """Checks that most convolutions and matrix products ran in the requested precision, or all that state it.

        Raises:
            FallbackError: most of them ran in another precision, or none in the requested one.
        """
        effective = self.precision_effective()
        arithmetic = nodes.arithmetic_of(self._executed or [])
        products = [(node.operator, nodes.precision_of([node])) for node in arithmetic]
        check_products(self._artifact, self.precision, effective, products)
        super().check_precision_impl()

    def precision_effective(self) -> str:
        """Returns the precisions of convolutions and matrix products, or of all nodes if there are none.

        If all inputs are float32 and the plan shows that nothing changes this type, it is float32; otherwise it is read
        from the nodes that ran.
        """
        only_float32 = all(spec.dtype == "float32" for spec in self.inputs)
        if only_float32 and self._planned and not any(node.may_change_type for node in self._planned):
            return "fp32"
        return nodes.precision_of(self._executed_nodes())

    def _executed_nodes(self) -> list[nodes.ExecutedNode]:
        """Returns the nodes of one inference of a second session, which is created for this and discarded.

        A session that was once profiled stays slower after profiling has ended (docs/evidence.md).
        """
        if self._executed is None:
            options = session_options(self._threads, self._custom_operators)
            provider = (self.provider, self._options)
            self._executed = nodes.profiled_nodes(self._artifact, options, provider, dict(self._arrays))
        return self._executed

    def layer_times(self, inferences: int) -> list[LayerTime]:
        """Returns the times of a second session's nodes, because this one would stay slower (see `_executed_nodes`).

        Raises:
            UnsupportedError: the provider runs nodes asynchronously, so the profiler times only their launch.
        """
        if self.provider != _CPU_PROVIDER:
            raise UnsupportedError(
                f"On {self.provider}, ONNX Runtime's profiler times how long a node takes to launch, not to run. "
                "Use --backend tensorrt, or --backend onnxruntime for the processor."
            )
        import onnxruntime

        from harness.backends.layers import WARM_UP_INFERENCES
        from harness.backends.onnxruntime import layers

        options = session_options(self._threads, self._custom_operators)
        options.enable_profiling = True
        with tempfile.TemporaryDirectory(prefix="ort-profile-") as directory:
            options.profile_file_prefix = str(Path(directory, "inferences"))
            profiled = onnxruntime.InferenceSession(
                str(self._artifact), options, providers=[self.provider], enable_fallback=False
            )
            with OnnxRuntimeSession(
                profiled, self._artifact, provider=self.provider, precision=self.precision, threads=self._threads
            ) as twin:
                twin.inputs = self.inputs
                twin.bind_impl(self._arrays)
                for _ in range(WARM_UP_INFERENCES + inferences):
                    twin.infer()
                return layers.read_layer_times(Path(profiled.end_profiling()), inferences)

    def subnormals(self) -> Subnormals | None:
        """Counts those of weights and, where these have any or the processor met one, of activations.

        Returns None on other providers, which compute as fast with subnormal numbers as with others.
        """
        if self.provider != _CPU_PROVIDER:
            return None
        from harness.backends.onnxruntime.activations import subnormal_activations_percent
        from harness.files.subnormals import subnormal_weights_percent
        from harness.machine.denormal_flag import DenormalFlag

        weights = subnormal_weights_percent(self._artifact)
        flag = DenormalFlag()
        self.infer()
        if not weights and not flag.raised():
            return Subnormals(weights, None)
        options = session_options(self._threads, self._custom_operators)
        try:
            found = subnormal_activations_percent(self._artifact, options, self.provider, self._arrays)
        except Exception:
            # A copy that the runtime does not take, or no space for it: what was timed is as good without the count.
            return Subnormals(weights, None)
        return Subnormals(weights, found)

    def close(self) -> None:
        """Frees the session."""
        del self._binding
        del self._session


class OnnxRuntimeBackend(Backend):
    """ONNX Runtime with one execution provider."""

    name = "onnxruntime"
    # docs/evidence.md, "How long a trial warms up".
    warmup_s: float = 0.1
    precisions: tuple[str, ...] = ("fp32", "fp16", "int8")
    feeds_free_sizes: bool = True

    def __init__(self, provider: str = _CPU_PROVIDER) -> None:
        self.provider = provider
        self.custom_operators: Path | None = None

    def use_custom_operators(self, library: Path) -> None:
        """Lets the sessions that follow use the operators of a library."""
        self.custom_operators = library

    def availability(self) -> Availability:
        """Returns whether onnxruntime is installed, loads and has the provider."""
        try:
            import onnxruntime
        except ImportError as error:
            return Availability(False, f"onnxruntime does not load: {error}.", "Run: pip install onnxruntime")
        found = onnxruntime.get_available_providers()
        if self.provider not in found:
            why = f"{self.runtime()} has no {self.provider}, only {', '.join(found)}."
            return Availability(False, why, f"Install a build of onnxruntime with {self.provider}.")
        return Availability(True, f"{self.runtime()} is installed.")

    def runtime(self) -> str:
        """Returns name and version."""
        import onnxruntime

        return f"onnxruntime {onnxruntime.__version__}"

    def readable_ir_version(self, version: int) -> int:
        """Returns the newest version that this runtime accepts for a network of one node, up to the given one."""
        from harness.backends.onnxruntime.file_versions import readable_ir_version

        return readable_ir_version(version)

    def rounds_float16(self) -> bool:
        """See `Backend.rounds_float16`; the processor's provider is tried."""
        from harness.backends.onnxruntime.float16 import rounds_float16

        return self.provider != _CPU_PROVIDER or rounds_float16()

    def saturates_int8(self) -> bool:
        """See `Backend.saturates_int8`; the processor's provider is tried."""
        from harness.backends.onnxruntime.integers import saturates_int8

        return self.provider == _CPU_PROVIDER and saturates_int8()

    def prepare_impl(
        self, artifact: Path, *, precision: str, threads: int, gpu: GpuSettings, cache_dir: Path
    ) -> tuple[Session, list[TensorSpec]]:
        """Creates the session on exactly the requested provider."""
        del gpu, cache_dir  # The processor needs neither.
        session = self.create_session(artifact, threads, {})
        loaded = OnnxRuntimeSession(
            session,
            artifact,
            provider=self.provider,
            precision=precision,
            threads=threads,
            custom_operators=self.custom_operators,
        )
        return loaded, loaded.input_specs()

    def create_session(self, artifact: Path, threads: int, options: dict[str, str]) -> onnxruntime.InferenceSession:
        """Creates a session on exactly the requested provider, with these options of the provider.

        Raises:
            FallbackError: the session has other providers.
            Exception: the runtime cannot create the session; the error is that of `explain`.
        """
        import onnxruntime

        try:
            session = onnxruntime.InferenceSession(
                str(artifact),
                session_options(threads, self.custom_operators),
                providers=[(self.provider, options)],
                enable_fallback=False,
            )
        except ArtifactError:
            raise
        except Exception as error:
            raise self.explain(error, artifact) from error
        self._check_providers(session.get_providers())
        return session

    def explain(self, error: Exception, artifact: Path) -> Exception:
        """Returns an error that explains to the user why creating a session failed, or `error` itself if unknown."""
        return load_error(error, artifact)

    def _check_providers(self, found: list[str]) -> None:
        """Checks the session's providers; the runtime adds the CPU's behind every other, which is checked by node.

        Raises:
            FallbackError: the session has other providers than the requested one.
        """
        if found not in ([self.provider], [self.provider, _CPU_PROVIDER]):
            raise FallbackError(
                f"{self.provider} was requested, but the session has {', '.join(found)}. "
                f"Check the installation of {self.provider}."
            )


def session_options(threads: int, custom_operators: Path | None = None) -> onnxruntime.SessionOptions:
    """The options of every measured session.

    Raises:
        ArtifactError: the library of custom operators cannot be used.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    # The worker threads of the session that is not being timed must not spin while the other is timed.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # For `planned_nodes`; it has no cost at run time. Versions that do not know an entry ignore it.
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if custom_operators is not None:
        try:
            options.register_custom_ops_library(str(custom_operators))
        except Exception as error:
            raise ArtifactError(
                f"--custom-operators {custom_operators} is not a library of operators for this onnxruntime: {error}. "
                "Give the one that was built for its version and this processor (.so, .dll, .dylib)."
            ) from error
    return options


def load_error(error: Exception, artifact: Path) -> Exception:
    """An error that explains to the user why creating a session failed, or `error` itself if unknown."""
    text = str(error)
    if any(words in text for words in _UNREADABLE):
        return ArtifactError(
            f"{artifact} is not a readable ONNX file; it may be truncated, or in another format. "
            "Convert the model again, or copy the file again."
        )
    if missing := custom_operators.missing(text, artifact):
        return UnsupportedError(
            f"This onnxruntime lacks {counted(len(missing), 'custom operator')} of {artifact}: {listed(missing)}. "
            "Give the library that has them, --custom-operators FILE, or export it with standard operators."
        )
    if any(words in text for words in _DO_NOT_FIT):
        return ArtifactError(
            f"{artifact} does not fit the shapes of its inputs: {text.strip()} "
            "State others with --resolution or --shape."
        )
    if any(words in text for words in _NOT_SUPPORTED):
        return UnsupportedError(
            f"This onnxruntime cannot run {artifact}: {text.strip()} "
            "Export it with an older opset or other types, or upgrade onnxruntime."
        )
    return error


def tensor_specs(nodes_of_graph: list[onnxruntime.NodeArg]) -> list[TensorSpec]:
    """The inputs or outputs of a session."""
    return [TensorSpec(node.name, tuple(node.shape), numpy_dtype(node.type)) for node in nodes_of_graph]


def numpy_dtype(type_name: str) -> str:
    """Numpy's name of ONNX Runtime's `tensor(...)` type; a type that is not a tensor is returned unchanged."""
    element = type_name.removeprefix("tensor(").removesuffix(")")
    return _DTYPES.get(element, element)
