from __future__ import annotations

import collections

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from converters.folding import bind_weights, drop_idle_reshapes, fold_norms

RNG = np.random.default_rng(0)
IMAGE = RNG.standard_normal((1, 4, 6, 6)).astype(np.float32)
KERNEL = RNG.standard_normal((3, 3, 4, 5)).astype(np.float32)  # height, width, in, out
NORM = {
    "gamma": RNG.uniform(0.5, 1.5, 5),
    "beta": RNG.standard_normal(5),
    "mean": RNG.standard_normal(5),
    "variance": RNG.uniform(0.5, 1.5, 5),
}
TRANSPOSE = helper.make_node("Transpose", ["kernel"], ["w"], perm=[3, 2, 0, 1])
CONV = helper.make_node("Conv", ["input", "w"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
BATCH_NORM = helper.make_node("BatchNormalization", ["c", *NORM], ["logits"], epsilon=1e-3)


def model_of(nodes, constants=(), inputs=(), output="logits"):
    values = [helper.make_tensor_value_info("input", TensorProto.FLOAT, IMAGE.shape)]
    values += [helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in inputs]
    tensors = [
        numpy_helper.from_array(value if value.dtype == np.int64 else value.astype(np.float32), name)
        for name, value in constants
    ]
    result = helper.make_tensor_value_info(output, TensorProto.FLOAT, [None] * 4)
    graph = helper.make_graph([onnx.NodeProto.FromString(n.SerializeToString()) for n in nodes], "g", values, [result])
    graph.initializer.extend(tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model, **inputs):
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": IMAGE, **inputs})[0]


def kinds(model):
    return collections.Counter(node.op_type for node in model.graph.node)


def bound(model, value=KERNEL, name="kernel"):
    """The model with its kernel as a constant, and what it computed before."""
    expected = run(model, **{name: value})
    bind_weights(model, {name: ("layer/kernel", lambda: value)})
    assert [value.name for value in model.graph.input] == ["input"]
    return expected


def test_a_kernel_is_bound_in_its_final_layout_with_the_norm_behind_it():
    model = model_of([TRANSPOSE, CONV, BATCH_NORM], NORM.items(), [("kernel", KERNEL)])
    np.testing.assert_allclose(expected := bound(model), run(model), rtol=1e-4, atol=1e-5)
    assert expected.shape == (1, 5, 6, 6)
    assert kinds(model) == {"Conv": 1}
    assert [tensor.name for tensor in model.graph.initializer] == ["layer/kernel/folded_bias", "layer/kernel"]


def test_a_convolutions_own_bias_goes_through_the_norm():
    conv = helper.make_node("Conv", ["input", "w", "b"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    constants = {**NORM, "b": RNG.standard_normal(5)}
    model = model_of([TRANSPOSE, conv, BATCH_NORM], constants.items(), [("kernel", KERNEL)])
    np.testing.assert_allclose(bound(model), run(model), rtol=1e-4, atol=1e-5)
    assert kinds(model) == {"Conv": 1}
    assert len(model.graph.initializer) == 2


def test_a_depthwise_kernel_is_reshaped_and_transposed():
    kernel = RNG.standard_normal((3, 3, 4, 1)).astype(np.float32)
    nodes = [
        helper.make_node("Reshape", ["kernel", "shape"], ["r"]),
        helper.make_node("Transpose", ["r"], ["w"], perm=[3, 2, 0, 1]),
        helper.make_node("Conv", ["input", "w"], ["logits"], kernel_shape=[3, 3], group=4),
    ]
    model = model_of(nodes, [("shape", np.array([0, 3, 1, -1]))], [("kernel", kernel)])
    np.testing.assert_allclose(bound(model, kernel), run(model), rtol=1e-5, atol=1e-5)
    assert kinds(model) == {"Conv": 1}
    assert [tensor.name for tensor in model.graph.initializer] == ["layer/kernel"]


def test_a_norm_is_left_where_another_node_reads_the_convolution_too():
    nodes = [TRANSPOSE, CONV, helper.make_node("BatchNormalization", ["c", *NORM], ["n"], epsilon=1e-3)]
    nodes.append(helper.make_node("Add", ["c", "n"], ["logits"]))
    model = model_of(nodes, NORM.items(), [("kernel", KERNEL)])
    np.testing.assert_allclose(bound(model), run(model), rtol=1e-5, atol=1e-5)
    assert kinds(model) == {"Conv": 1, "BatchNormalization": 1, "Add": 1}


def test_a_convolution_whose_result_is_the_output_keeps_it():
    nodes = [TRANSPOSE, CONV, helper.make_node("BatchNormalization", ["c", *NORM], ["n"], epsilon=1e-3)]
    model = model_of(nodes, NORM.items(), [("kernel", KERNEL)], output="c")
    np.testing.assert_allclose(bound(model), run(model), rtol=1e-5, atol=1e-5)


def test_a_kernel_that_two_layers_share_is_bound_once():
    nodes = [
        TRANSPOSE,
        CONV,
        helper.make_node("BatchNormalization", ["c", *NORM], ["n"], epsilon=1e-3),
        helper.make_node("Conv", ["input", "w"], ["d"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["n", "d"], ["logits"]),
    ]
    model = model_of(nodes, NORM.items(), [("kernel", KERNEL)])
    np.testing.assert_allclose(bound(model), run(model), rtol=1e-5, atol=1e-5)
    assert kinds(model) == {"Conv": 2, "BatchNormalization": 1, "Add": 1}


def test_a_kernel_in_two_layouts_stays_what_it_is():
    nodes = [
        TRANSPOSE,
        helper.make_node("Conv", ["input", "w"], ["c"], kernel_shape=[3, 3]),
        helper.make_node("ReduceSum", ["kernel"], ["s"], keepdims=0),
        helper.make_node("Mul", ["c", "s"], ["logits"]),
    ]
    model = model_of(nodes, [], [("kernel", KERNEL)])
    np.testing.assert_allclose(bound(model), run(model), rtol=1e-5, atol=1e-5)
    assert kinds(model)["Transpose"] == 1


@pytest.mark.parametrize(
    ("shape", "kept"),
    [([1, 4, 6, 6], 0), ([-1, 4, 6, 6], 0), ([0, 0, 6, 6], 0), ([1, 6, 4, 6], 1), ([4, 1, 6, 6], 1)],
)
def test_a_reshape_is_dropped_only_where_it_changes_nothing(shape, kept):
    nodes = [
        helper.make_node("Relu", ["input"], ["a"]),
        helper.make_node("Reshape", ["a", "shape"], ["b"]),
        helper.make_node("Sigmoid", ["b"], ["logits"]),
    ]
    model = model_of(nodes, [("shape", np.array(shape))])
    expected = run(model)
    drop_idle_reshapes(model)
    assert kinds(model)["Reshape"] == len(model.graph.initializer) == kept
    np.testing.assert_array_equal(run(model), expected)


def test_a_chain_of_idle_reshapes_goes_and_the_graphs_output_keeps_its_name():
    nodes = [
        helper.make_node("Relu", ["input"], ["a"]),
        helper.make_node("Reshape", ["a", "shape"], ["b"]),
        helper.make_node("Reshape", ["b", "shape"], ["c"]),
        helper.make_node("Sigmoid", ["c"], ["d"]),
        helper.make_node("Reshape", ["d", "shape"], ["logits"]),
    ]
    model = model_of(nodes, [("shape", np.array([1, 4, 6, 6]))])
    expected = run(model)
    drop_idle_reshapes(model)
    assert kinds(model) == {"Relu": 1, "Sigmoid": 1, "Reshape": 1}
    np.testing.assert_array_equal(run(model), expected)


def _network(nodes, **constants):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _run(model):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)})[0]


_CONSTANTS = {
    "w": np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32),
    **{name: np.linspace(0.5, 2, 4, dtype=np.float32) for name in ("scale", "shift", "mean", "variance")},
}
_NORM = ["scale", "shift", "mean", "variance"]


def test_norms_of_a_finished_graph_are_folded_into_its_convolutions():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("BatchNormalization", ["c", *_NORM], ["y"]),
    ]
    model = _network(nodes, **_CONSTANTS)
    expected = _run(model)
    fold_norms(model)
    assert [node.op_type for node in model.graph.node] == ["Conv"]
    np.testing.assert_allclose(_run(model), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", ["shared kernel", "other reader", "no convolution"])
def test_norms_that_something_else_depends_on_stay(form):
    convolution = helper.make_node("Conv", ["x", "w"], ["c"])
    nodes = [convolution, helper.make_node("BatchNormalization", ["c", *_NORM], ["y"])]
    constants = dict(_CONSTANTS)
    if form == "no convolution":
        nodes[0] = helper.make_node("Relu", ["x"], ["c"])
        constants = {name: value[:3] for name, value in _CONSTANTS.items() if name != "w"}
    elif form == "shared kernel":
        nodes.append(helper.make_node("Conv", ["x", "w"], ["again"]))
    else:
        nodes.append(helper.make_node("Relu", ["c"], ["again"]))
    model = _network(nodes, **constants)
    expected = _run(model)
    fold_norms(model)
    assert "BatchNormalization" in [node.op_type for node in model.graph.node]
    np.testing.assert_array_equal(_run(model), expected)
