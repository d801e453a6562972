from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import zoo
from converters import pytorch
from converters.multiply_adds import count_multiply_adds
from zoo.native import NativeModel


def graph_of(nodes, weights=(), shape=(2, 3, 8, 8), functions=(), domains=()) -> onnx.ModelProto:
    """A graph with an input of the given shape and constants of zeros."""
    constants = [numpy_helper.from_array(np.zeros(size, np.float32), name) for name, size in weights]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        constants,
    )
    opsets = [helper.make_opsetid("", 18), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, functions=functions)


def node(kind, *inputs, **attributes):
    return helper.make_node(kind, inputs, ["y"], **attributes)


@pytest.mark.parametrize(
    ("model", "of_one_image"),
    [
        (graph_of([node("Conv", "x", "w")], [("w", (16, 3, 3, 3))]), 16 * 36 * 27),
        (graph_of([node("Conv", "x", "w", group=3)], [("w", (6, 1, 3, 3))]), 6 * 36 * 9),
        (graph_of([node("ConvTranspose", "x", "w", strides=[2, 2])], [("w", (3, 5, 2, 2))]), 3 * 64 * 5 * 4),
        (graph_of([node("Gemm", "x", "w")], [("w", (7, 5))], (2, 7)), 7 * 5),
        (graph_of([node("Gemm", "w", "x", transA=1)], [("w", (2, 5))], (2, 7)), 5 * 7),
        (graph_of([node("MatMul", "x", "w")], [("w", (8, 4))]), 3 * 8 * 4 * 8),
        (graph_of([node("MatMul", "x", "x")], shape=(2, 3, 8, 8)), 3 * 8 * 8 * 8),
        (graph_of([node("Einsum", "x", "w", equation="nchw, co->nohw")], [("w", (3, 4))]), 3 * 64 * 4),
        (graph_of([node("Einsum", "x", equation="nchw->nc")]), 0),
        (
            graph_of([node("LSTM", "x", "w", "r", hidden_size=4)], [("w", (1, 16, 6)), ("r", (1, 16, 4))], (5, 2, 6)),
            5 * (16 * 6 + 16 * 4),
        ),
        (graph_of([node("Relu", "x")]), 0),
        # What depends on the weights alone is computed once.
        (
            graph_of(
                [helper.make_node("MatMul", ["a", "b"], ["w"]), node("MatMul", "x", "w")],
                [("a", (8, 9)), ("b", (9, 4))],
            ),
            3 * 8 * 4 * 8,
        ),
    ],
)
def test_every_operator_with_products_is_counted_by_shapes(model, of_one_image):
    assert count_multiply_adds(model, 2).multiply_adds == of_one_image
    assert count_multiply_adds(model, 2).reason == ""


def conditional() -> onnx.ModelProto:
    def branch(name, *nodes):
        return helper.make_graph(nodes, name, [], [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)])

    yes = branch("yes", helper.make_node("MatMul", ["x", "x"], ["z"]))
    no = branch("no", helper.make_node("Identity", ["x"], ["z"]))
    total = helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0)
    truth = helper.make_node("Cast", ["s"], ["t"], to=TensorProto.BOOL)
    return graph_of([total, truth, node("If", "t", then_branch=yes, else_branch=no)])


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (conditional(), "If decides at run time"),
        (
            graph_of([node("Fast", "x", domain="com.fast")], domains=["com.fast"]),
            "com.fast.Fast is not of ONNX",
        ),
        (graph_of([node("MatMul", "x", "x")], shape=("n", 8, 8)), "the shape of y is not fixed"),
        (graph_of([node("Einsum", "x", "x", equation="...a,...b->...")]), "Einsum '...a,...b->...' is not counted"),
        (graph_of([node("ConvInteger", "x", "x")]), "ConvInteger is not counted|cannot be inferred"),
        (graph_of([node("MatMul", "x", "w")], [("w", (7, 4))]), "cannot be inferred|is not fixed"),
    ],
)
def test_what_cannot_be_counted_is_unknown_with_a_reason(model, reason):
    counted = count_multiply_adds(model, 1)
    assert counted.multiply_adds is None
    assert any(part in counted.reason for part in reason.split("|"))


def test_functions_of_the_graph_are_counted_where_they_are_called():
    body = helper.make_function(
        "own",
        "Twice",
        ["a"],
        ["c"],
        [helper.make_node("MatMul", ["a", "a"], ["b"]), helper.make_node("MatMul", ["b", "a"], ["c"])],
        [helper.make_opsetid("", 18)],
    )
    model = graph_of([node("Twice", "x", domain="own")], shape=(1, 8, 8), functions=[body], domains=["own"])
    assert count_multiply_adds(model, 1).multiply_adds == 2 * 8 * 8 * 8


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("exporter", pytorch.EXPORTERS)
def test_the_graph_of_a_model_of_the_zoo_has_the_multiply_adds_of_its_card(exporter, batch):
    native: NativeModel = zoo.load("regnet/RegNetY-200MF")
    size = native.card.resolution
    model = pytorch.export(native.deployable(), exporter=exporter, opset=18, batch=batch, resolution=size)
    assert count_multiply_adds(model, batch).multiply_adds == native.card.macs


def test_a_network_with_attention_is_counted_as_by_hand():
    torch.manual_seed(0)

    class Attention(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = torch.nn.Conv2d(3, 16, 8, 8)
            self.attention = torch.nn.MultiheadAttention(16, 2, batch_first=True)

        def forward(self, images):
            tokens = self.patches(images).flatten(2).transpose(1, 2)
            return self.attention(tokens, tokens, tokens)[0].mean(1)

    model = pytorch.export(Attention().eval(), exporter="dynamo", opset=18, batch=1, resolution=32)
    patches, projections, products = 16 * 16 * 3 * 64, 16 * 16 * (48 + 16), 2 * 2 * 16 * 16 * 8
    assert count_multiply_adds(model, 1).multiply_adds == patches + projections + products
