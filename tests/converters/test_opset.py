from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from converters.errors import ConversionError
from converters.opset import lower_to_17


def model_of(nodes, initializers, shape=(1, 4, 6, 6)):
    source = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [None] * 4)
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in initializers.items()]
    graph = helper.make_graph(nodes, "g", [source], [output], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def run(model):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).standard_normal((1, 4, 6, 6)).astype(np.float32)
    return session.run(None, {"input": image})[0]


@pytest.mark.parametrize(
    ("nodes", "initializers"),
    [
        ([helper.make_node("ReduceMean", ["input", "axes"], ["logits"], keepdims=1)], {"axes": np.array([2, 3])}),
        ([helper.make_node("ReduceMax", ["input"], ["logits"], noop_with_empty_axes=0)], {}),
        ([helper.make_node("Pad", ["input", "pads"], ["logits"])], {"pads": np.array([0, 0, 0, 1, 0, 0, 1, 2])}),
        (
            [
                helper.make_node("Split", ["input"], ["a", "b"], axis=1, num_outputs=2),
                helper.make_node("Sub", ["a", "b"], ["logits"]),
            ],
            {},
        ),
        ([helper.make_node("Relu", ["input"], ["logits"])], {}),
    ],
    ids=["axes", "all axes", "pad", "split", "unchanged"],
)
def test_the_lowered_graph_is_valid_and_computes_the_same(nodes, initializers):
    model = model_of(nodes, initializers)
    expected = run(model)
    lowered = lower_to_17(model)
    assert lowered.opset_import[0].version == 17
    onnx.checker.check_model(lowered, full_check=True)
    np.testing.assert_array_equal(run(lowered), expected)


@pytest.mark.parametrize(
    ("nodes", "initializers", "message"),
    [
        ([helper.make_node("Mish", ["input"], ["logits"])], {}, "Mish of opset 18 cannot be rewritten"),
        (
            [
                helper.make_node("Identity", ["fixed"], ["axes"]),
                helper.make_node("ReduceMean", ["input", "axes"], ["logits"]),
            ],
            {"fixed": np.array([1])},
            "computed axes",
        ),
        (
            [helper.make_node("Pad", ["input", "pads", "", "axes"], ["logits"])],
            {"pads": np.array([1, 1]), "axes": np.array([2])},
            "has explicit axes",
        ),
    ],
)
def test_what_opset_17_lacks_is_refused_by_name(nodes, initializers, message):
    with pytest.raises(ConversionError, match=message):
        lower_to_17(model_of(nodes, initializers))
