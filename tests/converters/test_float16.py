from __future__ import annotations

import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from converters.errors import ConversionError
from converters.float16 import to_float16
from converters.graph_precision import element_types, graph_precision
from tests.converters.conftest import small_network
from zoo.errors import MissingPackageError


def io_types(model):
    return [value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)]


def casts(model):
    return [node for node in model.graph.node if node.op_type == "Cast"]


def test_every_operator_is_float16_between_one_cast_in_and_one_out():
    model = to_float16(small_network())
    types = element_types(model)
    assert graph_precision(model) == "fp16"
    assert io_types(model) == [TensorProto.FLOAT] * 2
    assert len(casts(model)) == 2
    others = [node for node in model.graph.node if node.op_type != "Cast"]
    assert {types[name] for node in others for name in (*node.input, *node.output)} == {TensorProto.FLOAT16}


def test_input_and_output_can_be_float16_too():
    model = to_float16(small_network(), keep_io=False)
    assert io_types(model) == [TensorProto.FLOAT16] * 2
    assert not casts(model)


def constants(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_constants_go_to_the_nearest_number_of_float16():
    """The library's own defaults would clip 30000 at 10000 and raise 1e-8 to 1e-7."""
    found = constants(to_float16(small_network(constant=30000.0)))
    assert found["factor"] == np.float16(30000)
    plain = constants(small_network(gain=2e-5))
    halves = constants(to_float16(small_network(gain=2e-5)))
    assert np.abs(plain["stem_w"]).min() < 1e-7
    np.testing.assert_array_equal(halves["stem_w"], plain["stem_w"].astype(np.float16))


def test_a_constant_beyond_the_range_of_float16_is_refused_by_name():
    with pytest.raises(ConversionError, match="'factor' reaches 1e\\+05, beyond float16's 65504"):
        to_float16(small_network(constant=1e5))


def test_a_graph_that_comes_out_invalid_is_an_error():
    """The library leaves a Cast to float32 as it is, and reads its result as float16 (its issue 320)."""
    model = small_network()
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for node in nodes:
        if node.name == "relu":
            node.output[0] = "before"
        model.graph.node.append(node)
        if node.name == "relu":
            model.graph.node.append(helper.make_node("Cast", ["before"], ["relu"], to=TensorProto.FLOAT))
    onnx.checker.check_model(model, full_check=True)
    with pytest.raises(ConversionError, match="onnxconverter-common cannot convert this graph"):
        to_float16(model)


def test_a_missing_library_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxconverter_common", None)
    with pytest.raises(MissingPackageError, match=r"baseline-zoo\[precision\]"):
        to_float16(small_network())
