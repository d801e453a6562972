"""Whether ONNX Runtime's kernels for this processor round to float16; no version says so, so it is tried."""

from __future__ import annotations

import functools

import numpy as np

from harness.backends.onnxruntime.small_networks import FLOAT16, IR_VERSION, SmallNode, small_network

_CONVOLUTIONS = [SmallNode("Conv", ["x", "up"], "between"), SmallNode("Conv", ["between", "down"], "y")]
_VALUES = {"x": 4e4, "up": 2.0, "down": 0.25}
"""Beyond float16's range between the convolutions, and within it after the second."""


@functools.cache
def rounds_float16() -> bool:
    """Whether convolutions round their results to float16.

    Where they do not, as on x86-64, the provider computes a float16 graph in float32 from end to end: nothing is
    rounded and nothing overflows between its operators.
    """
    import onnxruntime

    shape = (1, 1, 1, 1)
    network = small_network(
        _CONVOLUTIONS, inputs=dict.fromkeys(_VALUES, FLOAT16), output_type=FLOAT16, shape=shape, ir_version=IR_VERSION
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {name: np.full(shape, value, np.float16) for name, value in _VALUES.items()})
    return not np.isfinite(found).all()
