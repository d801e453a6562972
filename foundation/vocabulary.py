"""Words that all packages share: what the user may choose, and how work ended."""

from __future__ import annotations

from typing import Literal

EXPORTERS = ("dynamo", "torchscript")
IMPLEMENTATIONS = ("own", "release")
DEFAULT_EXPORTER = "dynamo"
DEFAULT_OPSET = 18
PRECISIONS = ("fp32", "fp16", "int8")
INT8_SCHEMES = ("tensorrt", "onnxruntime")
PROBE = "probe"
RELEASED = "released"
AUTO = "auto"

Status = Literal["ok", "failed", "timeout", "out_of_memory", "unsupported", "skipped"]
