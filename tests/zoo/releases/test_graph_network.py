"""Networks of TensorFlow 1 code behind the interface of a Keras model."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import zoo
from zoo import probe
from zoo.releases.graph_network import GraphNetwork
from zoo.tensorflow_model import TensorFlowModel

CARD = dataclasses.replace(zoo.card("efficientnet-x-b0"), resolution=8, classes=5)
SHAPES = {
    "tiny/stem/conv2d/kernel": (3, 3, 3, 4),
    "tiny/stem/norm/gamma": (4,),
    "tiny/stem/norm/moving_mean": (4,),
    "tiny/head/dense/kernel": (4, 5),
    "tiny/head/dense/bias": (5,),
}


def code(images):
    """A convolution, half a norm, and a dense layer; its graph holds more than the logits need."""
    import tensorflow.compat.v1 as tf

    with tf.variable_scope("tiny"):
        values = {
            name: tf.get_variable(name.removeprefix("tiny/"), shape, trainable="moving" not in name)
            for name, shape in SHAPES.items()
        }
        kernel, gamma, mean, dense, bias = values.values()
        tf.add(gamma, mean, name="idle")
        features = (tf.nn.conv2d(images, kernel, strides=2, padding="SAME") - mean) * gamma
        # Read a second time.
        pooled = tf.reduce_mean(features, axis=[1, 2]) + gamma
        return tf.matmul(pooled, dense) + bias


def computed(weights, images):
    """What `code` computes."""
    kernel, gamma, mean, dense, bias = (weights[name].astype(np.float64) for name in SHAPES)
    padded = np.pad(images, ((0, 0), (0, 0), (0, 1), (0, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::2, ::2]
    features = (np.einsum("nchwij,ijck->nhwk", windows, kernel) - mean) * gamma
    return (features.mean(axis=(1, 2)) + gamma) @ dense + bias


@pytest.fixture(scope="module")
def model():
    native = TensorFlowModel(CARD, GraphNetwork(code))
    native.apply_probe()
    return native


def test_variables_have_the_codes_names_and_are_zero_at_first():
    parameters = TensorFlowModel(CARD, GraphNetwork(code)).parameters()
    assert {name: values.shape for name, values in parameters.items()} == SHAPES
    assert not any(values.any() for values in parameters.values())


def test_the_probe_sets_them_by_their_names(model):
    for name, values in model.parameters().items():
        np.testing.assert_array_equal(values, probe.tensor(name, SHAPES[name], framework="tensorflow"))


def test_the_damped_probe_is_used_where_the_card_says_so():
    native = TensorFlowModel(dataclasses.replace(CARD, probe_damping=0.75), GraphNetwork(code))
    native.apply_probe()
    name = "tiny/stem/norm/gamma"
    np.testing.assert_array_equal(
        native.parameters()[name], probe.damped_tensor(name, (4,), 0.75, framework="tensorflow")
    )


def test_signature_and_counts_are_those_of_the_code(model):
    assert model.signature_sha256() == probe.signature_sha256((n, s, "float32") for n, s in SHAPES.items())
    assert model.count_parameters() == sum(np.prod(shape) for name, shape in SHAPES.items() if "moving" not in name)
    assert model.count_macs() == 4 * 4 * 4 * 27 + 4 * 5


@pytest.mark.parametrize("count", [1, 3])
def test_logits_are_computed_from_the_weights_as_they_are_now(count):
    native = TensorFlowModel(CARD, GraphNetwork(code))
    images = probe.images(8, count)
    native.apply_probe()
    first = native.logits(images)
    assert first.shape == (count, 5)
    np.testing.assert_allclose(first, computed(native.parameters(), images), rtol=1e-4, atol=1e-5)
    native.assign(lambda name, shape: 2 * probe.tensor(name, shape, framework="tensorflow"))
    np.testing.assert_allclose(native.logits(images), computed(native.parameters(), images), rtol=1e-4, atol=1e-5)
    assert np.abs(native.logits(images) - first).max() > 1


def test_what_it_is_converted_to_computes_the_same(model):
    onnxruntime = pytest.importorskip("onnxruntime")
    from converters import tensorflow

    graph = tensorflow.export(model.deployable(), exporter="tf2onnx", opset=17, batch=2, resolution=8)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"input": probe.images(8)})
    assert probe.relative_l2(logits, model.logits(probe.images(8))) < 1e-5
