"""Hard swish and hard sigmoid: the forms that exporters write, and near misses that must stay as they are."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from converters.fusion.fuse import fuse
from tests.converters.fusion.graphs import fused, graph

CONSTANTS = {"three": 3.0, "low": 0.0, "high": 6.0, "six": 6.0, "sixth": 1 / 6}
RELU6 = "s = Add(x, three) r = Clip(s, low, high)"
SWISH = {
    "product divided (OFA)": f"{RELU6} p = Mul(x, r) y = Div(p, six)",
    "product multiplied": f"{RELU6} p = Mul(x, r) y = Mul(p, sixth)",
    "gate multiplied (FBNet)": f"{RELU6} g = Mul(r, sixth) y = Mul(x, g)",
    "gate divided": f"{RELU6} g = Div(r, six) y = Mul(x, g)",
    "x multiplied": f"{RELU6} p = Mul(x, sixth) y = Mul(p, r)",
    "x divided": f"{RELU6} p = Div(x, six) y = Mul(p, r)",
    "the other way round": "s = Add(three, x) r = Clip(s, low, high) g = Mul(sixth, r) y = Mul(g, x)",
    "of a hard sigmoid": "g = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x) y = Mul(g, x)",
}
SIGMOID = {
    "divided (OFA, AlphaNet)": f"{RELU6} g = Div(r, six) y = Sub(g, x)",
    "multiplied (FBNet)": f"{RELU6} g = Mul(sixth, r) y = Sub(g, x)",
}
PLAIN = SWISH["product divided (OFA)"]
OTHERS = {"divided": PLAIN, "multiplied": SWISH["gate multiplied (FBNet)"]}


def made(body, *, opset=18, shape="2,8,7,5", kind="float", **changes):
    used = {name: value for name, value in {**CONSTANTS, **changes}.items() if _reads(body, name)}
    return graph(body, opset=opset, shape=shape, kind=kind, **used)


def _reads(body, name):
    return any(word == name for word in body.replace("(", " ").replace(")", " ").replace(",", " ").split())


@pytest.mark.parametrize("form", SWISH)
def test_each_form_of_a_hard_swish_is_one_operator(form):
    assert fused(made(SWISH[form])) == ({"HardSwish": 1}, {"hard_swish": 1})


@pytest.mark.parametrize("form", SIGMOID)
def test_each_form_of_a_hard_sigmoid_is_one_operator(form):
    assert fused(made(SIGMOID[form])) == ({"HardSigmoid": 1, "Sub": 1}, {"hard_sigmoid": 1})


def test_a_gate_on_other_values_is_a_hard_sigmoid():
    body = f"{RELU6} g = Mul(r, sixth) n = Neg(x) y = Mul(n, g)"
    assert fused(made(body)) == ({"HardSigmoid": 1, "Neg": 1, "Mul": 1}, {"hard_sigmoid": 1})


def test_constants_may_be_nodes_and_have_one_element():
    body = "shift = Constant <value = float[1] {3.0}> () " + PLAIN.replace("three", "shift")
    assert fused(made(body, six=np.array([[6.0]], np.float32)))[1] == {"hard_swish": 1}


def test_every_match_of_a_graph_is_counted():
    body = f"{RELU6} p = Mul(x, r) h = Div(p, six) t = Add(h, three) u = Clip(t, low, high) v = Mul(u, sixth)"
    body += " y = Mul(h, v)"
    assert fused(made(body)) == ({"HardSwish": 2}, {"hard_swish": 2})


@pytest.mark.parametrize(
    "changes",
    [{"three": 2.9}, {"three": 3.0003}, {"low": 0.1}, {"low": -0.1}, {"high": 5.9}, {"six": 5.9, "sixth": 0.17}],
    ids=str,
)
@pytest.mark.parametrize("form", OTHERS)
def test_another_constant_is_another_function(form, changes):
    assert fused(made(OTHERS[form], **changes))[1] == {}


@pytest.mark.parametrize("name", ["three", "six"])
def test_a_constant_for_each_channel_is_another_function(name):
    value = np.full((8, 1, 1), CONSTANTS[name], np.float32)
    assert fused(made(PLAIN, **{name: value}))[1] == {}


def test_a_constant_of_more_dimensions_changes_the_shape():
    value = np.full((1, 1, 1, 1, 1), 3.0, np.float32)
    body = PLAIN.replace("y = Div(p, six)", "z = Div(p, six) y = Squeeze(z)")
    assert fused(made(body, three=value))[1] == {}


@pytest.mark.parametrize("shared", ["s", "r", "p"])
def test_a_value_that_something_else_reads_stays(shared):
    body = PLAIN.replace("y = Div", "h = Div") + f" y = Sub(h, {shared})"
    assert fused(made(body))[1] == {}


def test_a_relu6_that_two_read_stays():
    body = f"{RELU6} g = Div(r, six) h = Mul(x, r) i = Mul(h, sixth) y = Sub(i, g)"
    assert fused(made(body))[1] == {}


def test_an_input_with_a_default_is_no_constant():
    model = made(PLAIN)
    model.graph.input.append(onnx.helper.make_tensor_value_info("three", onnx.TensorProto.FLOAT, ()))
    assert not any(fuse(model, "onnxruntime", "fp32")[1].values())


def test_integers_are_divided_otherwise():
    integers = {name: np.array(value, np.int64) for name, value in CONSTANTS.items() if name != "sixth"}
    assert fused(made(PLAIN, kind="int64", **integers))[1] == {}


def test_doubles_stay_since_runtimes_have_no_such_operator_for_them():
    doubles = {name: np.array(value, np.float64) for name, value in CONSTANTS.items()}
    assert fused(made(PLAIN, kind="double", **doubles))[1] == {}


def test_below_operator_set_14_there_is_no_hard_swish():
    assert fused(made(SWISH["product divided (OFA)"], opset=13))[1] == {}
    assert fused(made(SWISH["gate divided"], opset=13)) == ({"HardSigmoid": 1, "Mul": 1}, {"hard_sigmoid": 1})
    assert fused(made(SWISH["gate divided"], opset=14)) == ({"HardSwish": 1}, {"hard_swish": 1})


@pytest.mark.parametrize("attributes", ["alpha = 0.2, beta = 0.5", "alpha = 0.16666667, beta = 0.4", "beta = 0.5"])
def test_another_slope_is_no_hard_swish(attributes):
    body = f"g = HardSigmoid <{attributes}> (x) y = Mul(x, g)"
    assert fused(made(body))[1] == {}
