"""Words that all packages share: what the user may choose, and how work ended."""

from __future__ import annotations

from typing import Literal

OWN = "own"
RELEASE = "release"
IMPLEMENTATIONS = (OWN, RELEASE)
"""As this project builds a network: from the release's package or its own definition; or the original code itself."""
EXPORTERS = ("dynamo", "torchscript")
"""PyTorch's; a TensorFlow network has one of its own."""
DEFAULT_EXPORTER = "dynamo"
DEFAULT_OPSET = 18
PRECISIONS = ("fp32", "fp16", "int8")
INT8_SCHEMES = ("tensorrt", "onnxruntime")
"""Whose rules an int8 graph's quantisation follows."""

PROBE = "probe"
"""Weights that the zoo makes up, the same everywhere."""
RELEASED = "released"
"""The release's weights."""
AUTO = "auto"
"""The release's weights where they can be had, the probe's elsewhere."""
FILE = "file"
"""What is recorded of weights from the user's file."""

Status = Literal["ok", "failed", "timeout", "out_of_memory", "unsupported", "skipped"]
