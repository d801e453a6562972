"""What a compiled network runs: the layers of OpenVINO's runtime model, with their kernels and precisions."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

# Precision of arithmetic by OpenVINO's element types.
_PRECISIONS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "f64": "fp64", "i8": "int8", "u8": "int8"}

_ARITHMETIC = frozenset({"Convolution", "Deconvolution", "FullyConnected", "MatMul", "RNNCell", "RNNSeq"})
"""Types of layers in which a CNN spends its time."""

_SLOW = "ref"
"""Beginning of the name of a kernel that computes plainly, without vectors, because there is no other."""

_NO_TIME = ("Const", "Input", "Output")


@dataclasses.dataclass(frozen=True)
class ExecutedLayer:
    """A layer as it runs, after fusion."""

    name: str
    kind: str
    """OpenVINO's type of the layer, as in `Convolution`."""
    element_type: str
    """What it computes in, as in `f32` or `u8`."""
    kernel: str
    """As in `brgconv_avx2_1x1_f32`."""
    position: int
    shapes: str = ""
    """First input and first output without the batch, as in `32x112x112 > 64x56x56`."""
    variant: str = ""
    """A convolution's kernel and groups, as in `3x3 depthwise`."""

    @property
    def precision(self) -> str:
        """Its precision in this project's words; empty if they have none for it."""
        return _PRECISIONS.get(self.element_type, "")

    @property
    def is_arithmetic(self) -> bool:
        """Whether it convolves or multiplies matrices."""
        return self.kind in _ARITHMETIC

    @property
    def is_slow(self) -> bool:
        """Whether its kernel is the plain one."""
        return self.kernel.startswith(_SLOW)


def executed_layers(compiled: Any) -> list[ExecutedLayer]:
    """The layers of a compiled network in order of execution, without its inputs, outputs and constants."""
    layers = [_layer(operation) for operation in compiled.get_runtime_model().get_ops()]
    return sorted((one for one in layers if one.kind not in _NO_TIME), key=lambda one: one.position)


def precision_of(layers: Sequence[ExecutedLayer]) -> str:
    """The precisions of convolutions and matrix products, or of all layers if there are none; as in `fp32+int8`."""
    arithmetic = [one for one in layers if one.is_arithmetic]
    return "+".join(sorted({one.precision for one in arithmetic or layers} - {""}))


def _layer(operation: Any) -> ExecutedLayer:
    facts = {name: _text(value) for name, value in operation.get_rt_info().items()}
    inputs, outputs = (
        [list(port.get_shape()) for port in ports] for ports in (operation.inputs(), operation.outputs())
    )
    kind = facts["layerType"]
    return ExecutedLayer(
        name=operation.get_friendly_name(),
        kind=kind,
        element_type=facts["runtimePrecision"],
        kernel=facts["primitiveType"],
        position=int(facts["execOrder"]),
        shapes=" > ".join("x".join(map(str, shapes[0][1:])) for shapes in (inputs, outputs) if shapes),
        variant=_variant(inputs, outputs) if kind == "Convolution" else "",
    )


def _text(value: Any) -> str:
    return str(value.astype(str)) if hasattr(value, "astype") else str(value)


def _variant(inputs: list[list[int]], outputs: list[list[int]]) -> str:
    """A convolution's kernel and groups from its weights: (outputs, inputs, ...) or (groups, outputs, inputs, ...)."""
    if len(inputs) < 2 or not outputs:
        return ""
    image, weights = inputs[0], inputs[1]
    window = weights[2 - len(image) :] if len(image) > 2 else []
    groups = weights[0] if len(weights) == len(image) + 1 else 1
    word = "" if groups == 1 else " depthwise" if groups == image[1] else " grouped"
    return "x".join(map(str, window)) + word
