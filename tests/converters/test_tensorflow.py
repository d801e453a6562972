"""The graph that tf2onnx makes of a Keras model."""

from __future__ import annotations

import collections
import dataclasses
import os
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

import converters
import zoo
from converters import tensorflow
from converters.errors import ConversionError
from zoo import adapters, probe
from zoo.errors import MissingPackageError

NAME = "efficientnet_x/efficientnet-x-b0"


@pytest.fixture(scope="module")
def small():
    """All kinds of blocks of the family, at a quarter of the width."""
    card = zoo.card(NAME)
    architecture = {**card.architecture, "scope": "small", "width": 0.25, "squeeze": 1}
    model = adapters.build(dataclasses.replace(card, architecture=architecture, resolution=45, classes=5))
    model.apply_probe()
    return model


def export(module, **changes):
    settings = {"exporter": "tf2onnx", "opset": 17, "batch": 1, "resolution": 45, **changes}
    return tensorflow.export(module, **settings)


@pytest.mark.parametrize("batch", [1, 3])
def test_the_graph_is_in_nchw_and_holds_nothing_but_the_network(small, batch):
    model = export(small.module, batch=batch)
    onnx.checker.check_model(model, full_check=True)
    counts = collections.Counter(node.op_type for node in model.graph.node)
    assert set(counts) == {"Add", "Conv", "Gemm", "GlobalAveragePool", "Mul", "Relu", "Sigmoid", "Squeeze"}
    kernels = [n for n in small.parameters() if n.endswith("kernel")]
    assert counts["Conv"] == len(kernels) - 1
    assert counts["GlobalAveragePool"] == len([n for n in kernels if "/se/conv2d/" in n]) + 1
    (source,), (result,) = model.graph.input, model.graph.output
    assert (source.name, result.name) == ("input", "logits")
    assert [d.dim_value for d in source.type.tensor_type.shape.dim] == [batch, 3, 45, 45]
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    read = {name for node in model.graph.node for name in node.input}
    assert {tensor.name for tensor in model.graph.initializer} <= read
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    images = probe.images(45, batch)
    assert probe.relative_l2(session.run(["logits"], {"input": images})[0], small.logits(images)) < 2e-5


def test_exports_of_one_network_are_equal_to_the_byte(small, monkeypatch):
    once, again = (export(small.deployable()).SerializeToString(deterministic=True) for _ in range(2))
    assert once == again
    monkeypatch.setattr(tensorflow, "number_in_order", lambda model: None)
    numbered = {export(small.deployable()).SerializeToString(deterministic=True) for _ in range(4)}
    assert len(numbered) > 1, (
        "tf2onnx numbers by the order of the graph itself: converters.numbering is no longer needed"
    )


def test_the_weights_are_the_networks_own_numbers(small):
    """A convolution without a norm keeps its kernel, except for the layout."""
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in export(small.module).graph.initializer}
    name = "small/blocks_3/se/conv2d/kernel"
    np.testing.assert_array_equal(tensors[name], small.parameters()[name].transpose(3, 2, 0, 1))
    name = "small/head/dense/kernel"
    np.testing.assert_array_equal(tensors[name], small.parameters()[name])


def test_no_kernel_is_in_the_graph_while_it_is_rewritten(small, monkeypatch):
    import tf2onnx

    sizes = []
    convert = tf2onnx.convert.from_function

    def watched(*args, **settings):
        model, storage = convert(*args, **settings)
        sizes.append(max(np.prod(tensor.dims) for tensor in model.graph.initializer))
        assert os.environ["TF2ONNX_CATCH_ERRORS"] == "FALSE"
        return model, storage

    monkeypatch.setattr(tf2onnx.convert, "from_function", watched)
    export(small.module)
    widest_vector = max(values.size for values in small.parameters().values() if values.ndim < 2)
    assert sizes == [widest_vector]
    assert "TF2ONNX_CATCH_ERRORS" not in os.environ


def test_provenance_names_the_exporter_and_opset_that_really_made_it(tmp_path):
    artifact = converters.convert(NAME, exporter="torchscript", opset=18, cache_dir=tmp_path)
    provenance = artifact.provenance
    assert provenance["exporter"]["name"] == "tf2onnx"
    assert provenance["exporter"]["tf2onnx"] != "absent"
    assert provenance["opset"] == 17
    assert provenance["models"] == [NAME]
    assert onnx.load(artifact.path).opset_import[0].version == 17
    again = converters.convert(NAME, cache_dir=tmp_path)
    assert again.path == artifact.path


@pytest.mark.parametrize("change", [{"exporter": "dynamo"}, {"opset": 18}])
def test_another_exporter_or_opset_is_refused(small, change):
    with pytest.raises(ConversionError, match="converted by tf2onnx at opset 17, not by"):
        export(small.module, **change)


def test_a_failed_conversion_names_the_installed_versions(small, monkeypatch):
    import tf2onnx

    def fails(*_args, **_settings):
        raise AttributeError("module 'keras' has no attribute 'backend'\nand more")

    monkeypatch.setattr(tf2onnx.convert, "from_function", fails)
    with pytest.raises(ConversionError, match=r"AttributeError: module 'keras'.*; installed: .*keras \d.*tf2onnx \d"):
        export(small.module)


@pytest.mark.usefixtures("small")
def test_an_operator_that_tf2onnx_does_not_know_is_named():
    import keras
    import tensorflow as tf

    class Strange(keras.Model):
        def call(self, images):
            return tf.raw_ops.Betainc(a=images, b=images, x=images)[:, 0, 0]

    module = Strange()
    module(keras.Input((8, 8, 3)))
    with pytest.raises(ConversionError, match="Betainc"):
        export(module, resolution=8)


def test_a_missing_exporter_names_the_extra(small, monkeypatch):
    for module in [m for m in sys.modules if m.split(".")[0] == "tf2onnx"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'baseline-zoo\[tensorflow\]'"):
        export(small.module)
