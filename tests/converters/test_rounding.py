from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from converters.errors import ConversionError
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


def half_model(nodes, initializers=(), **options):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT16, (3,)) for name in ("input", "logits")]
    graph = helper.make_graph(nodes, "half", values[:1], values[1:], list(initializers))
    opsets = [helper.make_opsetid(domain, version) for domain, version in (("", 17), ("com.microsoft", 1), ("own", 1))]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, **options)


def test_names_that_the_graph_has_already_are_not_taken_twice():
    nodes = [
        helper.make_node("Abs", ["input"], ["input_float32"]),
        helper.make_node("Neg", ["input_float32"], ["logits_exact"]),
        helper.make_node("Neg", ["logits_exact"], ["logits"]),
    ]
    found = run(with_rounding(half_model(nodes)), X.astype(np.float16))
    np.testing.assert_array_equal(found, X.astype(np.float16))


def test_local_functions_are_rounded_too():
    body = [helper.make_node("Mul", ["x", "x"], ["squared"]), helper.make_node("Sqrt", ["squared"], ["y"])]
    function = helper.make_function("own", "root_of_square", ["x"], ["y"], body, [helper.make_opsetid("", 17)])
    nodes = [helper.make_node("root_of_square", ["input"], ["logits"], domain="own")]
    found = run(with_rounding(half_model(nodes, functions=[function])), np.float16([2, 300, 3e4]))
    np.testing.assert_array_equal(found, np.float16([2, np.inf, np.inf]))


def test_control_flow_is_refused():
    branch = helper.make_graph(
        [helper.make_node("Abs", ["input"], ["then"])],
        "branch",
        [],
        [helper.make_tensor_value_info("then", TensorProto.FLOAT16, (3,))],
    )
    nodes = [helper.make_node("If", ["yes"], ["logits"], then_branch=branch, else_branch=branch)]
    model = half_model(nodes, [numpy_helper.from_array(np.array(True), "yes")])
    with pytest.raises(ConversionError, match=r"control flow \(If\)"):
        with_rounding(model)


def test_operators_of_unknown_types_are_refused():
    nodes = [
        helper.make_node("Unheard", ["input"], ["between"], domain="own"),
        helper.make_node("Abs", ["between"], ["logits"]),
    ]
    with pytest.raises(ConversionError, match="operators are not known: Unheard"):
        with_rounding(half_model(nodes))
