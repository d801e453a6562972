"""Means over the image: the forms that exporters write, and near misses that must stay as they are."""

from __future__ import annotations

import numpy as np
import pytest

from tests.converters.fusion.graphs import fused, graph

ONE = "y = ReduceMean <keepdims = 1> (x, both)"
TWO = "m = ReduceMean <keepdims = 1> (x, last) y = ReduceMean <keepdims = 1> (m, rows)"


def axes(*numbers):
    return np.array(numbers, np.int64)


@pytest.mark.parametrize("both", [axes(2, 3), axes(-1, -2), axes(3, -2)], ids=str)
def test_a_mean_over_the_image_is_a_global_average(both):
    assert fused(graph(ONE, both=both)) == ({"GlobalAveragePool": 1}, {"global_average": 1})


@pytest.mark.parametrize(("last", "rows"), [(3, 2), (2, 3), (-1, -2)])
def test_two_means_over_the_image_are_a_global_average(last, rows):
    found = fused(graph(TWO, last=axes(last), rows=axes(rows)))
    assert found == ({"GlobalAveragePool": 1}, {"two_means": 1})


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("y = ReduceMean <axes = [2, 3]> (x)", "global_average"),
        ("m = ReduceMean <axes = [3]> (x) y = ReduceMean <axes = [2]> (m)", "two_means"),
    ],
)
def test_axes_may_be_an_attribute(body, rule):
    assert fused(graph(body, opset=17)) == ({"GlobalAveragePool": 1}, {rule: 1})


@pytest.mark.parametrize("both", [axes(1, 2), axes(1, 2, 3), axes(2), axes(0, 2, 3)], ids=str)
def test_a_mean_over_other_dimensions_stays(both):
    assert fused(graph(ONE, both=both))[1] == {}


def test_a_mean_over_everything_stays():
    assert fused(graph("y = ReduceMean <keepdims = 1> (x)"))[1] == {}


def test_a_mean_that_drops_dimensions_stays():
    dropped = "m = ReduceMean <keepdims = 0> (x, both) y = Unsqueeze(m, both)"
    assert fused(graph(dropped, both=axes(2, 3)))[1] == {}


def test_two_means_that_something_else_reads_between_stay():
    body = TWO.replace("y =", "h =") + " y = Sub(m, h)"
    assert fused(graph(body, last=axes(3), rows=axes(2)))[1] == {}


def test_two_means_over_a_channel_and_a_row_stay():
    assert fused(graph(TWO, last=axes(3), rows=axes(1)))[1] == {}


def test_a_maximum_stays():
    assert fused(graph(ONE.replace("Mean", "Max"), both=axes(2, 3)))[1] == {}


def test_doubles_stay():
    assert fused(graph(ONE, kind="double", both=axes(2, 3)))[1] == {}
