"""Precisions of an engine, read from TensorRT's own description of its layers.

`EngineInspector` prints one JSON object per layer for an engine built with detailed profiling verbosity. Its
fields are the same from 8.4 to 11; the words for types differ. TensorRT's own kernels say
`Channel major FP16 format where channel % 8 == 0`; the compiler that handles whole subgraphs since 8.6
(Myelin) says `Half`. Sources: developer guide, chapter Engine Inspector; the plans included with
trt-engine-explorer in NVIDIA's TensorRT repository, releases 8.6 to 11.0 (tools/experimental); Polygraphy's
reading of the same fields (tools/Polygraphy, backend/trt/util.py).
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

# Words of TensorRT's types and formats, in the order of the search: BFloat16 contains the
# word Float, and UInt8 the word Int8.
_TYPE_WORDS = (
    ("bf16", re.compile(r"bfloat16|bf16", re.IGNORECASE)),
    ("fp16", re.compile(r"fp16|half", re.IGNORECASE)),
    ("fp8", re.compile(r"fp8", re.IGNORECASE)),
    ("fp4", re.compile(r"fp4", re.IGNORECASE)),
    ("fp32", re.compile(r"fp32|float", re.IGNORECASE)),
    ("int8", re.compile(r"(?<!u)int8", re.IGNORECASE)),
)

# Matches the types of layers that convolve or multiply matrices: CaskConvolution, CudaDepthwiseConvolution,
# CaskGemmConvolution, ConvActPool, CaskDeconvolutionV2, MatrixMultiply, gemm, FullyConnected.
_ARITHMETIC_KINDS = re.compile(r"conv|gemm|matri|matmul|fullyconnected", re.IGNORECASE)

# The contents of a fused layer of the compiler (`fusion`, `kgen`) are recognised by its kernel or its name.
_FUSED_KINDS = ("fusion", "kgen", "myelin", "foreignnode")
_ARITHMETIC_KERNELS = re.compile(r"gemm|fprop|conv|cudnn|mma", re.IGNORECASE)
_ARITHMETIC_NAMES = re.compile(r"conv|gemm|matmul|(?<![a-z])fc(?![a-z])|__myl_fc", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class EngineLayer:
    """A layer of an engine, after fusion."""

    name: str
    kind: str
    """TensorRT's type of layer, as in `CaskConvolution`."""
    precision: str
    """Precision of its computation, as in `fp16`; empty if it only moves integers or does not report it."""
    tactic: str
    """Name of its kernel, or TensorRT's number of it; empty if neither is reported."""
    arithmetic: bool
    """Whether it convolves or multiplies matrices."""


def read_layers(text: str) -> list[EngineLayer]:
    """The layers in an inspector's JSON, in order of execution.

    Raises:
        ValueError: the text is not such JSON, or lists layers without describing them, as for an engine
            that was built without detailed profiling verbosity.
    """
    # Not strict: since 8.6 the names of the nodes fused into a layer are separated by control characters, which
    # JSON requires to be escaped (NVIDIA/TensorRT issue 2779).
    layers = json.loads(text, strict=False).get("Layers", [])
    if any(not isinstance(layer, dict) for layer in layers):
        raise ValueError("the engine reports only the names of its layers")
    return [_layer(layer) for layer in layers]


def precision_of(layers: list[EngineLayer]) -> str:
    """The precisions of the convolutions and matrix products, or of all layers if none is known to be one.

    Several are joined, as in `fp16+fp32`. The type is that of the operands, not of the result: a quantised
    convolution may write floats. An empty string if no layer reports it.
    """
    arithmetic = [layer for layer in layers if layer.arithmetic and layer.precision]
    return "+".join(sorted({layer.precision for layer in arithmetic or layers if layer.precision}))


def type_word(text: str) -> str:
    """The precision in one of TensorRT's descriptions of a type or format; empty if it has none."""
    for precision, pattern in _TYPE_WORDS:
        if pattern.search(text):
            return precision
    return ""


def _layer(data: dict[str, Any]) -> EngineLayer:
    name, kind = str(data.get("Name", "")), str(data.get("LayerType", ""))
    tactic = str(data.get("TacticName") or data.get("TacticValue") or "")
    return EngineLayer(name, kind, _precision(data), tactic, _is_arithmetic(data, name, kind))


def _is_arithmetic(data: dict[str, Any], name: str, kind: str) -> bool:
    described = f"{kind} {data.get('ParameterType', '')}"
    if _ARITHMETIC_KINDS.search(described):
        return True
    if not any(word in kind.lower() for word in _FUSED_KINDS):
        return False
    return bool(_ARITHMETIC_KERNELS.search(str(data.get("TacticName", ""))) or _ARITHMETIC_NAMES.search(name))


def _precision(data: dict[str, Any]) -> str:
    """The first type given by the operands, then by the weights, then by the results.

    Formats are `N/A` if shapes are dynamic; the weights then give the type. An engine of TensorRT 11 may state the
    precision directly.
    """
    told = [str(data.get("Precision", ""))]
    told += [str(tensor.get("Format/Datatype", "")) for tensor in data.get("Inputs", [])]
    told += [str(data.get(key, {}).get("Type", "")) for key in ("Weights", "ConvWeights") if data.get(key)]
    told += [str(tensor.get("Format/Datatype", "")) for tensor in data.get("Outputs", [])]
    return next((word for word in map(type_word, told) if word), "")
