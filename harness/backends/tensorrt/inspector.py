"""What an engine computes in, read from TensorRT's own description of its layers.

`EngineInspector` prints one JSON object a layer in an engine built with detailed profiling verbosity. Its
fields are the same from 8.4 to 11; the words for types differ. TensorRT's own kernels say
`Channel major FP16 format where channel % 8 == 0`, the compiler that takes whole subgraphs from 8.6 on
(Myelin) says `Half`. Sources: developer guide, chapter Engine Inspector; the plans kept with
trt-engine-explorer in NVIDIA's TensorRT repository, releases 8.6 to 11.0 (tools/experimental); Polygraphy's
reading of the same fields (tools/Polygraphy, backend/trt/util.py).
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

# Words of TensorRT's types and formats, in the order in which they are looked for: BFloat16 holds the
# word Float, and UInt8 the word Int8.
_TYPE_WORDS = (
    ("bf16", re.compile(r"bfloat16|bf16", re.IGNORECASE)),
    ("fp16", re.compile(r"fp16|half", re.IGNORECASE)),
    ("fp8", re.compile(r"fp8", re.IGNORECASE)),
    ("fp4", re.compile(r"fp4", re.IGNORECASE)),
    ("fp32", re.compile(r"fp32|float", re.IGNORECASE)),
    ("int8", re.compile(r"(?<!u)int8", re.IGNORECASE)),
)

# In the types of layers that convolve or multiply matrices: CaskConvolution, CudaDepthwiseConvolution,
# CaskGemmConvolution, ConvActPool, CaskDeconvolutionV2, MatrixMultiply, gemm, FullyConnected.
_ARITHMETIC_KINDS = re.compile(r"conv|gemm|matri|matmul|fullyconnected", re.IGNORECASE)

# A fused layer of the compiler (`fusion`, `kgen`) tells by its kernel or its name what is in it.
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
    """What it computes in, as in `fp16`; empty where it moves integers only or does not say."""
    tactic: str
    """Name of its kernel, or TensorRT's number of it; empty where neither is told."""
    arithmetic: bool
    """Whether it convolves or multiplies matrices."""


def read_layers(text: str) -> list[EngineLayer]:
    """The layers in an inspector's JSON, in order of execution.

    Raises:
        ValueError: the text is no such JSON, or names layers without telling of them, as it does for an
            engine that was built without detailed profiling verbosity.
    """
    # Not strict: from 8.6 on the names of what was fused into a layer are separated by control characters, which
    # JSON wants escaped (NVIDIA/TensorRT issue 2779).
    layers = json.loads(text, strict=False).get("Layers", [])
    if any(not isinstance(layer, dict) for layer in layers):
        raise ValueError("the engine tells the names of its layers only")
    return [_layer(layer) for layer in layers]


def precision_of(layers: list[EngineLayer]) -> str:
    """What the convolutions and matrix products compute in, or all layers where none is told to be one.

    Several are joined, as in `fp16+fp32`. The type is that of the operands, not of the result: a quantised
    convolution may well write floats. An empty string where no layer tells.
    """
    arithmetic = [layer for layer in layers if layer.arithmetic and layer.precision]
    return "+".join(sorted({layer.precision for layer in arithmetic or layers if layer.precision}))


def type_word(text: str) -> str:
    """The precision that one of TensorRT's descriptions of a type or format names; empty for another."""
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
    """The type of the first operand that names one, then of the weights, then of the results.

    Formats are `N/A` where shapes are dynamic; weights then tell. An engine of TensorRT 11 may name the
    precision outright.
    """
    told = [str(data.get("Precision", ""))]
    told += [str(tensor.get("Format/Datatype", "")) for tensor in data.get("Inputs", [])]
    told += [str(data.get(key, {}).get("Type", "")) for key in ("Weights", "ConvWeights") if data.get(key)]
    told += [str(tensor.get("Format/Datatype", "")) for tensor in data.get("Outputs", [])]
    return next((word for word in map(type_word, told) if word), "")
