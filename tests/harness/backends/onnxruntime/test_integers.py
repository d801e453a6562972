from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.backends.onnxruntime.integers import saturates_int8


@pytest.mark.parametrize("exact", [False, True])
def test_quantised_convolutions_are_cut_off_exactly_where_it_says_so(exact: bool) -> None:
    """A convolution of large values, with the runtime's own exact sums and with those that it takes by default."""
    weights = {
        "s": np.float32(1),
        "z": np.uint8(0),
        "w": np.full((8, 16, 1, 1), 127, np.int8),
        "ws": np.ones(8, np.float32),
        "wz": np.zeros(8, np.int8),
        "os": np.float32(4096),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["dw"], axis=0),
        helper.make_node("Conv", ["d", "dw"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "os", "z"], ["cq"]),
        helper.make_node("DequantizeLinear", ["cq", "os", "z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", 1, [1, 16, 4, 4])],
        [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1" if exact else "0")
    session = onnxruntime.InferenceSession(onnx.ModelProto.SerializeToString(model), options)
    (found,) = session.run(None, {"x": np.full((1, 16, 4, 4), 250, np.float32)})
    assert (abs(found - 250 * 127 * 16) > 4096).any() == (saturates_int8() and not exact)


def test_kernels_of_other_processors_are_exact() -> None:
    assert not OnnxRuntimeBackend("CUDAExecutionProvider").saturates_int8()
