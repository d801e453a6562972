"""Whether OpenVINO's integer kernels for this processor are exact; no version says so, so it is tried."""

from __future__ import annotations

import functools
import importlib
from typing import Any

import numpy as np

from harness.backends.openvino import settings
from harness.backends.openvino.library import load

_CHANNELS = 16
_LEVELS = 256
_LARGEST = _LEVELS - 1
_WEIGHT = 127
_PIXELS = 8


@functools.cache
def saturates_int8() -> bool:
    """Whether sums of int8 products are cut off at 16 bits.

    On x86-64 without the VNNI instructions, two products of an uint8 and an int8 are added in 16 bits, where large ones
    do not fit: a quantised network is then less accurate than its graph says.
    """
    openvino = load()
    opset13 = _operators()
    shape = (1, _CHANNELS, _PIXELS, _PIXELS)
    image = opset13.parameter(shape, np.float32)
    quantised = opset13.fake_quantize(image, *(np.float32(one) for one in (0, _LARGEST, 0, _LARGEST)), _LEVELS)
    integers = opset13.constant(np.full((_CHANNELS, _CHANNELS, 1, 1), _WEIGHT, np.int8))
    # A step per channel, as the weights of a quantised network have.
    steps = opset13.constant(np.ones((_CHANNELS, 1, 1, 1), np.float32))
    weights = opset13.multiply(opset13.convert(integers, "f32"), steps)
    found = opset13.convolution(quantised, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    network = openvino.Model([found], [image], "integers")
    compiled = openvino.Core().compile_model(network, settings.DEVICE, settings.properties(1, "int8"))
    (sums,) = compiled(np.full(shape, _LARGEST, np.float32)).values()
    return bool((sums != _CHANNELS * _LARGEST * _WEIGHT).any())


def _operators() -> Any:
    """The module of operators, which versions before 2025 have elsewhere."""
    try:
        return importlib.import_module("openvino.opset13")
    except ImportError:
        return importlib.import_module("openvino.runtime.opset13")
