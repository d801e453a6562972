from __future__ import annotations

from converters.graph_precision import graph_precision
from converters.light_graph import weights_bytes, without_weights
from tests.converters.conftest import small_network


def test_large_constants_become_inputs_and_the_types_stay():
    model = small_network()
    large = onnx_constant(model, 64 * 64)
    light = without_weights(model)
    assert large not in {tensor.name for tensor in light.graph.initializer}
    assert large in {value.name for value in light.graph.input}
    assert len(light.graph.initializer) == len(model.graph.initializer) - 1
    assert light.graph.node == model.graph.node
    assert graph_precision(light) == graph_precision(model) == "fp32"
    assert large in {tensor.name for tensor in model.graph.initializer}, "the graph itself keeps its weights"


def onnx_constant(model, elements) -> str:
    model.graph.initializer.add(name="large", data_type=1, dims=[elements], raw_data=bytes(4 * elements))
    return "large"


def test_the_size_of_weights_is_that_of_their_elements():
    model = small_network()
    before = weights_bytes(model)
    assert before == sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    onnx_constant(model, 100)
    assert weights_bytes(model) == before + 400
