from __future__ import annotations

import pytest
from onnx import TensorProto, helper

import zoo
from converters.errors import ConversionError
from converters.operators import count, histogram


def test_operators_are_counted_in_alphabetical_order():
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1,))
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Exp", ["a"], ["b"]),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [value], [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1,))])
    assert list(histogram(helper.make_model(graph)).items()) == [("Exp", 1), ("Relu", 2)]


def test_a_network_is_exported_as_the_zoo_exports_it():
    counts = count(zoo.load("regnet/RegNetX-200MF"))
    # Thirteen blocks of three convolutions, four of which have one in their shortcut, and the stem.
    assert counts["Conv"] == 13 * 3 + 4 + 1
    assert counts["Gemm"] == 1


def test_a_network_that_cannot_be_exported_is_told():
    model = zoo.load("regnet/RegNetX-200MF")
    model.module.forward = lambda images: images.numpy().sum()
    with pytest.raises(ConversionError, match="dynamo exporter failed"):
        count(model)
