"""Networks whose converted form differs from the native module."""

from __future__ import annotations

import collections
import dataclasses

import pytest

import converters
import zoo
from converters import pytorch
from zoo import adapters

CARD = zoo.card("lanet/LaNet_CIFAR10_128")
# The operators that LaNet's structure needs, as either exporter names them.
POOLINGS = {"GlobalAveragePool", "ReduceMean"}
NEEDED = {"Add", "Concat", "Conv", "Gemm", "MaxPool", "Relu", "Slice"}
SHAPES = {"Constant", "Flatten", "Reshape"}


def test_the_module_itself_is_converted_if_there_is_nothing_to_fold():
    model = zoo.load("ofa/LG-G8_lat-8ms_top1-71.1_finetune-25")
    assert model.deployable() is model.module


def assert_lean(graph, module):
    """Asserts plain convolutions with constant weights, and no operators on weights."""
    counts = collections.Counter(node.op_type for node in graph.node)
    assert set(counts) - SHAPES - POOLINGS == NEEDED | {"BatchNormalization"}
    assert sum(counts[name] for name in POOLINGS) == 1
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert all(node.input[1] in tensors for node in convolutions)
    used = [name for name, _ in module.named_modules() if not name.startswith("auxiliary_head")]
    kinds = collections.Counter(type(module.get_submodule(name)).__name__ for name in used)
    assert len(convolutions) == kinds["Conv2d"] + kinds["StandardisedPointwise"]
    # Norms are folded into convolutions by the exporter, except those that follow a concatenation.
    assert counts["BatchNormalization"] == kinds["FactorizedReduce"]
    assert {name for node in graph.node for name in node.input} >= set(tensors), "a tensor that nothing reads"
    assert not any("auxiliary" in name for name in tensors)


@pytest.mark.parametrize("exporter", pytorch.EXPORTERS)
def test_lanet_is_converted_with_its_standardised_weights_as_constants(exporter):
    small = dataclasses.replace(CARD, architecture={**CARD.architecture, "channels": 4, "cells": 3})
    native = adapters.build(small)
    native.apply_probe()
    graph = pytorch.export(native.deployable(), exporter=exporter, opset=18, batch=1, resolution=32).graph
    assert_lean(graph, native.module)


@pytest.mark.slow
def test_the_artifact_of_lanet_computes_what_the_release_computes(tmp_path):
    artifact = converters.convert(zoo.load(CARD), cache_dir=tmp_path)
    assert "Sqrt" not in artifact.provenance["operators"]
    assert artifact.provenance["operators"]["Conv"] == 455
    assert all(check["top1_agreement"] == 1 for check in artifact.provenance["verification"])
