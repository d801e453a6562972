"""Words that all packages share: the user's choices, and how work ended."""

from __future__ import annotations

from typing import Literal

OWN = "own"
RELEASE = "release"
IMPLEMENTATIONS = (OWN, RELEASE)
"""The network as this project builds it (the release's package or its own definition), or the original code."""
EXPORTERS = ("dynamo", "torchscript")
"""PyTorch's exporters; TensorFlow networks have one of their own."""
DEFAULT_EXPORTER = "dynamo"
DEFAULT_OPSET = 18
PRECISIONS = ("fp32", "fp16", "int8")
"""Precisions of artifacts."""
BF16 = "bf16"
"""What a runtime computes an fp32 artifact in, rounding inputs and weights itself; there are no artifacts in it."""
MEASURED_PRECISIONS = (*PRECISIONS, BF16)
FROM_EXACT_TO_COARSE = ("fp32", "tf32", "bf16", "fp16", "int8")
"""Precisions of graphs and engines; of two that are compared, the more exact one is the base."""
NATIVE = "native"
FUSED = "fused"
GRAPHS = (NATIVE, FUSED)
"""The graph as the exporter writes it, or the same with operators put back that it writes out in pieces."""
INT8_SCHEMES = ("tensorrt", "onnxruntime")
"""The runtime whose rules an int8 graph's quantisation follows."""

DEFAULT_CALIBRATION_COUNT = 128
"""Largest number of a folder's images that int8 takes its ranges from."""
METADATA_PREFIX = "baseline_zoo."
"""Prefix of this project's keys among an ONNX file's `metadata_props`."""

PROBE = "probe"
"""Weights that the zoo generates, the same everywhere."""
RELEASED = "released"
"""The release's weights."""
AUTO = "auto"
"""The release's weights if available, else the probe's."""
FILE = "file"
"""Recorded for weights from the user's file."""
OWN_WEIGHTS = "own"
"""Recorded for the weights that a user's network or ONNX file brings."""

Status = Literal["ok", "failed", "timeout", "out_of_memory", "unsupported", "skipped"]


def graph_precision(precision: str) -> str:
    """The precision of the artifact that is measured in a precision."""
    return PRECISIONS[0] if precision == BF16 else precision


def usual_int8_scheme(backend: str) -> str:
    """The scheme of int8 whose rules are the best for a backend."""
    return backend if backend in INT8_SCHEMES else INT8_SCHEMES[0]


def exactness(precision: str) -> int:
    """Place of a precision in `FROM_EXACT_TO_COARSE`; unknown words come last."""
    return FROM_EXACT_TO_COARSE.index(precision) if precision in FROM_EXACT_TO_COARSE else len(FROM_EXACT_TO_COARSE)
