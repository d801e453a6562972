"""What stays of a graph in which operators are put back, and for whom."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from converters.fusion import rules
from converters.fusion.fuse import fuse
from harness import backends
from tests.converters.fusion.graphs import graph

HARD_SWISH = "s = Add(x, three) r = Clip(s, low, high) g = Mul(r, sixth) h = Mul(x, g) c = Conv(h, kernel) y = Relu(c)"


@pytest.fixture
def model():
    kernel = np.ones((8, 8, 1, 1), np.float32)
    made = graph(HARD_SWISH, three=3.0, low=0.0, high=6.0, sixth=1 / 6, kernel=kernel)
    onnx.helper.set_model_props(made, {"baseline_zoo.provenance": "{}", "other": "text"})
    made.producer_name, made.doc_string = "pytorch", "a network"
    return made


def test_metadata_and_the_names_of_tensors_stay(model):
    changed, _ = fuse(model, "onnxruntime", "fp32")
    assert changed.metadata_props == model.metadata_props
    assert (changed.producer_name, changed.doc_string) == (model.producer_name, model.doc_string)
    assert changed.graph.name == model.graph.name
    assert [node.output[0] for node in changed.graph.node] == ["h", "c", "y"]
    assert all(node.name for node in changed.graph.node if node.op_type == "HardSwish")


def test_constants_that_nothing_reads_any_more_are_gone(model):
    changed, _ = fuse(model, "onnxruntime", "fp32")
    assert [tensor.name for tensor in changed.graph.initializer] == ["kernel"]


@pytest.mark.parametrize("backend", sorted(rules.OFF))
def test_a_backend_without_rules_gets_the_same_object(model, backend):
    assert fuse(model, backend, "fp32") == (model, {})
    assert fuse(model, backend, "fp32")[0] is model


def test_a_graph_without_a_match_is_the_same_object():
    plain = graph("y = Relu(x)")
    changed, counts = fuse(plain, "onnxruntime", "fp32")
    assert changed is plain
    assert counts == {"hard_swish": 0, "hard_sigmoid": 0, "two_means": 0}


def test_every_backend_has_rules_or_a_reason_for_none():
    on = {backend for rule in rules.RULES for backend, _ in rule.on}
    assert on.isdisjoint(rules.OFF)
    assert sorted(on | rules.OFF.keys()) == backends.names()
