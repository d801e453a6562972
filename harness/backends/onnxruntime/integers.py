"""Whether ONNX Runtime's integer kernels for this processor are exact; no version says so, so it is tried."""

from __future__ import annotations

import functools

import numpy as np

from harness.backends.onnxruntime.small_networks import INT8, INT32, IR_VERSION, UINT8, SmallNode, small_network

_SIZE = 16


@functools.cache
def saturates_int8() -> bool:
    """Whether sums of int8 products are cut off at 16 bits.

    On x86-64 without the VNNI instructions, two products of an uint8 and an int8 are added in 16 bits, where large ones
    do not fit: a quantised network is then less accurate than its graph says.
    """
    import onnxruntime

    shape = (_SIZE, _SIZE)
    network = small_network(
        [SmallNode("MatMulInteger", ["a", "b"], "y")],
        inputs={"a": UINT8, "b": INT8},
        output_type=INT32,
        shape=shape,
        ir_version=IR_VERSION,
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    largest = {"a": np.full(shape, 255, np.uint8), "b": np.full(shape, 127, np.int8)}
    (found,) = session.run(None, largest)
    return bool((found != _SIZE * 255 * 127).any())
