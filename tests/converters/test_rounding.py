from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from converters.float16 import to_float16
from converters.rounding import with_rounding


def scaled_root():
    """sqrt(8e4 x): the intermediate result exceeds float16's range."""
    constants = [
        numpy_helper.from_array(np.float32(value).reshape(()), name) for name, value in (("up", 4e4), ("two", 2))
    ]
    nodes = [
        helper.make_node("Mul", ["input", "up"], ["a"]),
        helper.make_node("Mul", ["a", "two"], ["b"]),
        helper.make_node("Sqrt", ["b"], ["logits"]),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (3,)) for name in ("input", "logits")]
    graph = helper.make_graph(nodes, "root", values[:1], values[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model, x):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"input": x})[0]


X = np.array([0.1, 0.3337, 1.0], np.float32)


def test_every_result_is_rounded():
    half = np.float16
    with np.errstate(over="ignore"):
        a = (X.astype(half).astype(np.float32) * np.float32(4e4)).astype(half)
        b = (a.astype(np.float32) * 2).astype(half)
        expected = np.sqrt(b.astype(np.float32)).astype(half)
    assert np.isinf(expected[2])
    found = run(with_rounding(to_float16(scaled_root())), X)
    np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_without_it_the_cpu_provider_would_hide_the_overflow():
    """The reason for the whole module; once the provider rounds by itself, it can be removed."""
    assert np.isfinite(run(to_float16(scaled_root()), X)).all()


@pytest.mark.parametrize("keep_io", [True, False])
def test_inputs_and_outputs_stay_what_they_are(keep_io):
    half = to_float16(scaled_root(), keep_io=keep_io)
    rounded = with_rounding(half)
    onnx.checker.check_model(rounded, full_check=True)
    assert list(rounded.graph.input) == list(half.graph.input)
    assert list(rounded.graph.output) == list(half.graph.output)
