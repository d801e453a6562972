"""What the sessions of both frameworks take from the artifact, and from the runtime of the reference network."""

from __future__ import annotations

from foundation.packages import package_version
from harness.backends.session import TensorSpec
from harness.files.onnx_graph import OnnxGraph

REFERENCE_BACKEND = "onnxruntime"
"""What runs the reference network, which exists as a graph only, beside a framework."""

PRECISIONS = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
"""Precisions by the names that both frameworks give to types."""


def input_specs(graph: OnnxGraph) -> list[TensorSpec]:
    """The inputs of the artifact, which the network takes too."""
    return [TensorSpec(value.name, tuple(value.shape or ()), value.dtype) for value in graph.inputs]


def output_name(graph: OnnxGraph) -> str:
    """The name of the artifact's logits."""
    (output,) = graph.outputs
    return output.name


def reference_runtime() -> str:
    """Name and version of the reference network's runtime, which every ratio depends on."""
    return f"{REFERENCE_BACKEND} {package_version(REFERENCE_BACKEND)}"
