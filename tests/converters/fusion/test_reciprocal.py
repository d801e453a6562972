"""Divisions by a number, which INT8 has no integer kernel for."""

from __future__ import annotations

import numpy as np
import pytest

from converters.fusion.fuse import fuse
from tests.converters.fusion.graphs import fused, graph


def counts(body, **kinds):
    """The rules that match, where the result need not be a number."""
    return {name: found for name, found in fuse(graph(body, **kinds), "onnxruntime", "int8")[1].items() if found}


@pytest.mark.parametrize("divisor", [6.0, 3.0, -0.7, 1e30])
def test_a_division_by_a_number_is_a_product(divisor):
    assert fused(graph("y = Div(x, divisor)", divisor=divisor), "int8") == ({"Mul": 1}, {"reciprocal": 1})


def test_a_hard_swish_keeps_its_pieces_that_have_integer_kernels():
    body = "s = Add(x, three) r = Clip(s, low, six) p = Mul(x, r) y = Div(p, six)"
    found = fused(graph(body, three=3.0, low=0.0, six=6.0), "int8")
    assert found == ({"Add": 1, "Clip": 1, "Mul": 2}, {"reciprocal": 1})


def test_divisions_by_one_constant_are_products():
    found = fused(graph("a = Div(x, six) b = Relu(a) y = Div(b, six)", six=6.0), "int8")
    assert found == ({"Mul": 2, "Relu": 1}, {"reciprocal": 2})


def test_in_fp32_it_stays():
    assert fused(graph("y = Div(x, divisor)", divisor=6.0))[1] == {}


@pytest.mark.parametrize("divisor", [0.0, np.inf, np.nan, 2e38, 1e-45])
def test_a_divisor_whose_reciprocal_float32_lacks_stays(divisor):
    with np.errstate(all="ignore"):
        assert counts("y = Div(x, divisor)", divisor=divisor) == {}


def test_a_divisor_for_each_channel_and_a_dividend_stay():
    assert counts("y = Div(x, divisor)", divisor=np.full((8, 1, 1), 2, np.float32)) == {}
    assert counts("y = Div(six, x)", six=6.0) == {}


def test_a_divisor_that_adds_a_dimension_stays():
    body = "d = Div(v, divisor) y = Add(x, d)"
    assert counts(body, v=np.ones(5, np.float32), divisor=np.full((1, 1), 2, np.float32)) == {}


def test_integers_stay():
    assert counts("y = Div(x, divisor)", kind="int64", divisor=np.array(6, np.int64)) == {}
