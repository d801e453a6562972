"""ONNX Runtime on the CPU."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.backends.base import (
    ArtifactError,
    Availability,
    Backend,
    FallbackError,
    Session,
    TensorSpec,
    UnsupportedError,
)
from harness.trial import LatencyKind

if TYPE_CHECKING:
    import onnxruntime

# ONNX Runtime's names of element types: numpy's name, and the precision of arithmetic on them.
_DTYPES = {
    "float": "float32",
    "float16": "float16",
    "double": "float64",
    "bfloat16": "bfloat16",
    "int8": "int8",
    "uint8": "uint8",
    "int32": "int32",
    "int64": "int64",
    "bool": "bool",
}
_PRECISIONS = {
    "float": "fp32",
    "float16": "fp16",
    "double": "fp64",
    "bfloat16": "bf16",
    "int8": "int8",
    "uint8": "int8",
}

# How the runtime words a file that is cut off or is no ONNX at all: a cut between two parts of the
# outermost message leaves a readable message without its last parts.
_UNREADABLE = ("INVALID_PROTOBUF", "Protobuf parsing failed", "ModelProto does not have", "Missing opset")

# How it words a newer format, opset or operator than it knows.
_NOT_SUPPORTED = (
    "NOT_IMPLEMENTED",
    "Unsupported model IR version",
    "only *guarantees* support",
    "No Op registered",
)

# Words in the names of operators, fused and internal ones included, in which a CNN spends its time.
_ARITHMETIC = ("Conv", "Gemm", "MatMul")


@dataclasses.dataclass(frozen=True)
class ExecutedNode:
    """One node as the runtime executed it, after all its graph transformations."""

    name: str
    operator: str
    provider: str
    input_types: tuple[str, ...]
    """ONNX Runtime's names of the element types."""


class OnnxRuntimeSession(Session):
    """A session on one provider.

    The first inference runs under the runtime's profiler, whose report names every executed node with
    its provider and element types. Unlike the assignment that is planned at load time, it is what ran,
    with the casts that the runtime inserts for types it has no kernel for. The profiler then ends and
    costs later inferences nothing.
    """

    latency_kind: LatencyKind = "host"

    def __init__(
        self, session: onnxruntime.InferenceSession, provider: str, precision: str, profile_directory: Path
    ) -> None:
        super().__init__(precision)
        self.provider = provider
        self._session = session
        self._profile_directory = profile_directory
        self._binding = session.io_binding()
        self._nodes: list[ExecutedNode] | None = None

    def bind_impl(self, images: npt.NDArray[np.float32]) -> None:
        """Bind the input, and each output of known shape, to buffers allocated once."""
        import onnxruntime

        self._input_value = onnxruntime.OrtValue.ortvalue_from_numpy(images)
        self._binding.bind_ortvalue_input(self.input.name, self._input_value)
        for output in self._session.get_outputs():
            self._binding.bind_output(output.name)

    def infer(self) -> None:
        """Run once on the bound input."""
        self._session.run_with_iobinding(self._binding)

    def outputs(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of the outputs of the last inference."""
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, self._binding.copy_outputs_to_cpu(), strict=True))

    def executed_nodes(self) -> list[ExecutedNode]:
        """The nodes of the first inference; ends the profiling."""
        if self._nodes is None:
            report = self._session.end_profiling()
            self._nodes = read_profile(Path(report))
            shutil.rmtree(self._profile_directory, ignore_errors=True)
        return self._nodes

    def check_placement_impl(self) -> None:
        """Raise FallbackError where a node ran on another provider than the asked one."""
        strangers = [node for node in self.executed_nodes() if node.provider != self.provider]
        if strangers:
            shown = ", ".join(f"{node.operator} {node.name!r} on {node.provider}" for node in strangers[:3])
            raise FallbackError(
                f"{len(strangers)} of {len(self.executed_nodes())} nodes did not run on {self.provider}: "
                f"{shown}. Measure the model on a provider that has all its operators."
            )

    def precision_effective(self) -> str:
        """The precisions of convolutions and matrix products, or of every node where there are none."""
        nodes = self.executed_nodes()
        arithmetic = [node for node in nodes if any(word in node.operator for word in _ARITHMETIC)]
        found = {
            _PRECISIONS[kind] for node in arithmetic or nodes for kind in node.input_types[:1] if kind in _PRECISIONS
        }
        return "+".join(sorted(found))

    def close(self) -> None:
        """Free the session and its temporary files."""
        if self._nodes is None:
            self.executed_nodes()
        del self._binding
        del self._session


class OnnxRuntimeBackend(Backend):
    """ONNX Runtime with one execution provider."""

    name = "onnxruntime"
    precisions = ("fp32", "fp16", "int8")

    def __init__(self, provider: str = "CPUExecutionProvider") -> None:
        self.provider = provider

    def availability(self) -> Availability:
        """Whether onnxruntime is installed, loads and has the provider."""
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
        """Name and version."""
        import onnxruntime

        return f"onnxruntime {onnxruntime.__version__}"

    def prepare_impl(self, artifact: Path, *, precision: str, threads: int) -> tuple[Session, list[TensorSpec]]:
        """Create the session on exactly the asked provider."""
        import onnxruntime

        profile_directory = Path(tempfile.mkdtemp(prefix="ort-profile-"))
        try:
            session = onnxruntime.InferenceSession(
                str(artifact),
                session_options(threads, profile_directory / "first"),
                providers=[self.provider],
                enable_fallback=False,
            )
        except Exception as error:
            shutil.rmtree(profile_directory, ignore_errors=True)
            raise load_error(error, artifact) from error
        loaded = OnnxRuntimeSession(session, self.provider, precision, profile_directory)
        inputs = [TensorSpec(spec.name, tuple(spec.shape), numpy_dtype(spec.type)) for spec in session.get_inputs()]
        return loaded, inputs


def session_options(threads: int, profile_prefix: Path) -> onnxruntime.SessionOptions:
    """The options of every measured session."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    options.enable_profiling = True
    options.profile_file_prefix = str(profile_prefix)
    # The worker threads of the session that is not being timed must not spin beside the one that is.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def load_error(error: Exception, artifact: Path) -> Exception:
    """What a failure to create a session means to the user; the error itself where that is unknown."""
    text = str(error)
    if any(words in text for words in _UNREADABLE):
        return ArtifactError(
            f"{artifact} is not a readable ONNX file; it may be truncated or something else. "
            "Convert the model again, or copy the file again."
        )
    if any(words in text for words in _NOT_SUPPORTED):
        return UnsupportedError(
            f"This onnxruntime cannot run {artifact}: {text.strip()} "
            "Export it with an older opset or other types, or upgrade onnxruntime."
        )
    return error


def numpy_dtype(type_name: str) -> str:
    """Numpy's name of ONNX Runtime's `tensor(...)` type; another type is returned as it is."""
    element = type_name.removeprefix("tensor(").removesuffix(")")
    return _DTYPES.get(element, type_name)


def read_profile(path: Path) -> list[ExecutedNode]:
    """The executed nodes in a report of the runtime's profiler."""
    events = json.loads(path.read_text())
    return [
        ExecutedNode(
            name=event["name"].removesuffix("_kernel_time"),
            operator=event["args"]["op_name"],
            provider=event["args"]["provider"],
            input_types=tuple(kind for shape in event["args"]["input_type_shape"] for kind in shape),
        )
        for event in events
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time")
    ]
