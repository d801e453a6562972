"""The providers and types with which ONNX Runtime runs the nodes of a graph.

There are two sources. The plan made at load time gives every node's provider; it is cheap, but only newer versions
expose it, and it contains no types. The report of the runtime's profiler contains both for every node that ran,
including the casts that the runtime inserts for types for which it has no kernel.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnxruntime

# Precision of arithmetic by ONNX Runtime's element types.
_PRECISIONS = {
    "float": "fp32",
    "float16": "fp16",
    "double": "fp64",
    "bfloat16": "bf16",
    "int8": "int8",
    "uint8": "int8",
}

# Words in the names of the operators, fused and internal ones included, in which a network spends its time.
_ARITHMETIC = ("Conv", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "Attention")

# Operators that take floats, quantise them and multiply integers.
_QUANTISING_THEMSELVES = ("DynamicQuantizeMatMul", "DynamicQuantizeLSTM")

# Standard operators whose float outputs may have another type than their inputs, or which contain graphs. All
# others have the same type for their float inputs and outputs.
_TYPE_CHANGING = {
    *("BitCast", "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"),
    *("ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul"),
    *("If", "Loop", "Scan"),
}


@dataclasses.dataclass(frozen=True)
class PlannedNode:
    """A node as it was assigned to a provider."""

    name: str
    operator: str
    domain: str
    provider: str

    @property
    def may_change_type(self) -> bool:
        """Whether its float outputs may have another type than its float inputs."""
        return self.domain not in ("", "ai.onnx") or self.operator in _TYPE_CHANGING


@dataclasses.dataclass(frozen=True)
class ExecutedNode:
    """A node as it ran, after all transformations by the runtime."""

    name: str
    operator: str
    provider: str
    input_types: tuple[str, ...]
    """Element types, as ONNX Runtime names them."""


def planned_nodes(session: onnxruntime.InferenceSession) -> list[PlannedNode] | None:
    """The plan of a session that recorded it; None if this version of the runtime does not expose it."""
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return None
    return [
        PlannedNode(node.name, node.op_type, node.domain, part.ep_name)
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    ]


def profiled_nodes(
    artifact: Path,
    options: onnxruntime.SessionOptions,
    provider: tuple[str, dict[str, str]],
    feed: dict[str, npt.NDArray[Any]],
) -> list[ExecutedNode]:
    """The nodes of one profiled inference, run in a new session with these options.

    `provider` is the provider's name and its options.
    """
    import onnxruntime

    with tempfile.TemporaryDirectory(prefix="ort-profile-") as directory:
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(directory, "inference"))
        session = onnxruntime.InferenceSession(str(artifact), options, providers=[provider], enable_fallback=False)
        session.run(None, feed)
        return read_profile(Path(session.end_profiling()))


def read_profile(path: Path) -> list[ExecutedNode]:
    """The executed nodes in a report of the runtime's profiler."""
    return [executed_node(event) for event in json.loads(path.read_text()) if is_kernel(event)]


def is_kernel(event: dict[str, Any]) -> bool:
    """Whether an event of a report is the execution of a node."""
    return event.get("cat") == "Node" and event["name"].endswith("_kernel_time")


def executed_node(event: dict[str, Any]) -> ExecutedNode:
    """The node of an event for which `is_kernel` is true."""
    return ExecutedNode(
        name=event["name"].removesuffix("_kernel_time"),
        operator=event["args"]["op_name"],
        provider=event["args"]["provider"],
        input_types=tuple(kind for shape in event["args"]["input_type_shape"] for kind in shape),
    )


def is_arithmetic(operator: str) -> bool:
    """Whether the operator, standard or fused, convolves or multiplies matrices."""
    return any(word in operator for word in _ARITHMETIC)


def arithmetic_of(executed: list[ExecutedNode]) -> list[ExecutedNode]:
    """The nodes that convolve or multiply matrices."""
    return [node for node in executed if is_arithmetic(node.operator)]


def precision_of(executed: list[ExecutedNode]) -> str:
    """The precisions of convolutions and matrix products, or of all nodes if there are none.

    Several are joined, as in `fp16+fp32`.
    """
    kinds = [
        "int8" if node.operator in _QUANTISING_THEMSELVES else kind
        for node in arithmetic_of(executed) or executed
        for kind in node.input_types[:1]
    ]
    return "+".join(sorted({_PRECISIONS[kind] for kind in kinds if kind in _PRECISIONS}))
