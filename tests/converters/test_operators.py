from __future__ import annotations

import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from converters.errors import ConversionError
from converters.operators import count, histogram
from zoo import own
from zoo.torch_model import TorchModel


def test_operators_are_counted_in_alphabetical_order():
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1,))
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Exp", ["a"], ["b"]),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [value], [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1,))])
    assert list(histogram(helper.make_model(graph)).items()) == [("Exp", 1), ("Relu", 2)]


def native(module: nn.Module) -> TorchModel:
    return TorchModel(own.card("toy:network", 8), module)


def test_a_network_is_exported_as_the_zoo_exports_it():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(64, 2))
    counts = count(native(module))
    assert (counts["Conv"], counts["Relu"], counts["Gemm"]) == (2, 1, 1)


def test_what_is_converted_is_counted_and_not_what_computes_the_same():
    counts = count(TorchModel(own.card("toy:network", 8), nn.ReLU(), deploy=lambda _: nn.Sigmoid()))
    assert counts == {"Sigmoid": 1}


class Branching(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3)) if images.sum() > 0 else -images.mean((2, 3))


def test_a_network_that_cannot_be_exported_is_an_error():
    with pytest.raises(ConversionError, match=r"the dynamo exporter failed: .*--exporter"):
        count(native(Branching()))
