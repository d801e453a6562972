from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from converters.errors import ConversionError
from converters.graph_precision import WEIGHTED, graph_precision
from converters.int8 import residual_additions, to_int8
from harness.backends.onnxruntime.nodes import precision_of, profiled_nodes
from tests.converters.conftest import RESOLUTION, small_network


def images(count=4):
    return list(np.random.default_rng(1).standard_normal((count, 3, RESOLUTION, RESOLUTION)).astype(np.float32))


def feeds(count=4):
    """Inferences of one image each."""
    return [{"input": image[None]} for image in images(count)]


@pytest.fixture
def quantised(tmp_path):
    return {
        scheme: to_int8(small_network(), feeds(), scheme=scheme, folder=tmp_path)
        for scheme in ("tensorrt", "onnxruntime")
    }


def producers(model):
    return {name: node for node in model.graph.node for name in node.output}


def zero_points(model):
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    pairs = [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    return [constants[node.input[2]] for node in pairs]


@pytest.mark.parametrize("scheme", ["tensorrt", "onnxruntime"])
def test_every_convolution_and_product_is_int8(quantised, scheme):
    assert graph_precision(quantised[scheme]) == "int8"
    assert {entry.domain for entry in quantised[scheme].opset_import} == {""}


def test_tensorrt_has_zero_points_of_zero(quantised):
    points = zero_points(quantised["tensorrt"])
    assert {point.dtype for point in points} == {np.dtype(np.int8)}
    assert not any(point.any() for point in points)


def test_tensorrt_has_no_pair_behind_a_weighted_operator_and_no_integer_bias(quantised):
    model = quantised["tensorrt"]
    made_by = producers(model)
    rounded = {
        made_by[node.input[0]].op_type
        for node in model.graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] in made_by
    }
    assert rounded == {"Mul", "Flatten"}
    for node in model.graph.node:
        if node.op_type in WEIGHTED:
            assert node.input[2] not in made_by, "a bias is a float constant"


def test_tensorrt_quantises_weights_itself_channel_by_channel(quantised):
    model = quantised["tensorrt"]
    made_by = producers(model)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in WEIGHTED:
            restored = made_by[node.input[1]]
            rounded = made_by[restored.input[0]]
            weight, scale = constants[rounded.input[0]], constants[rounded.input[1]]
            assert weight.dtype == np.float32
            assert scale.shape == (len(weight),)
            assert restored.input[1] == rounded.input[1]


def test_a_residual_addition_takes_the_skip_rounded_and_the_convolution_as_it_is(quantised):
    assert residual_additions(small_network().graph) == {"sum": "pointwise"}
    for scheme, expected in (("tensorrt", {"DequantizeLinear", "Conv"}), ("onnxruntime", {"DequantizeLinear"})):
        made_by = producers(quantised[scheme])
        (addition,) = [node for node in quantised[scheme].graph.node if node.name == "sum"]
        assert {made_by[name].op_type for name in addition.input} == expected


def test_an_addition_of_a_constant_or_of_a_shared_convolution_is_no_residual():
    model = small_network()
    (addition,) = [node for node in model.graph.node if node.name == "sum"]
    addition.input[0] = "linear_b"
    assert residual_additions(model.graph) == {}
    addition.input[0] = "depthwise"
    addition.input[1] = "normal"
    assert residual_additions(model.graph) == {}, "the gate reads the convolution too"


def test_ranges_are_the_extremes_over_the_images(tmp_path):
    def input_scale(values):
        fed = [{"input": image[None]} for image in values]
        model = to_int8(small_network(), fed, scheme="tensorrt", folder=tmp_path)
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        (first,) = [node for node in model.graph.node if node.op_type == "QuantizeLinear" and node.input[0] == "input"]
        return float(constants[first.input[1]])

    values = images()
    largest = max(float(np.abs(image).max()) for image in values)
    assert input_scale(values) == pytest.approx(largest / 127.5, rel=0.01)
    assert input_scale([image * 3 for image in values]) == pytest.approx(3 * input_scale(values), rel=1e-5)


def test_onnxruntime_computes_its_scheme_in_integers_and_the_other_in_float(quantised, tmp_path):
    effective = {}
    for scheme, model in quantised.items():
        path = tmp_path / f"{scheme}.onnx"
        onnx.save(model, path)
        options = onnxruntime.SessionOptions()
        nodes = profiled_nodes(path, options, "CPUExecutionProvider", {"input": images()[0][None]})
        effective[scheme] = precision_of(nodes)
    assert effective == {"onnxruntime": "int8", "tensorrt": "fp32"}


def test_nameless_nodes_are_quantised_too(tmp_path):
    model = small_network()
    for node in model.graph.node:
        node.name = ""
    assert graph_precision(to_int8(model, feeds(), scheme="tensorrt", folder=tmp_path)) == "int8"


def test_an_unknown_scheme_is_refused(tmp_path):
    with pytest.raises(ConversionError, match="unknown int8 scheme 'qnn'; choose one of tensorrt, onnxruntime"):
        to_int8(small_network(), feeds(), scheme="qnn", folder=tmp_path)


def test_what_the_quantiser_cannot_do_is_an_error(tmp_path):
    with pytest.raises(ConversionError, match=r"onnxruntime cannot quantise this graph: .*; keep this network"):
        to_int8(small_network(), [{"input": np.zeros((1, 3, 5, 5), np.float32)}], scheme="tensorrt", folder=tmp_path)


def test_an_unreadable_image_is_reported_as_such(tmp_path):
    def broken():
        raise ConversionError("cat.jpg is not a readable image")
        yield

    with pytest.raises(ConversionError, match=r"^cat\.jpg is not a readable image$"):
        to_int8(small_network(), broken(), scheme="tensorrt", folder=tmp_path)
