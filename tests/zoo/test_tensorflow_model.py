from __future__ import annotations

import dataclasses
import gc
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import zoo
from converters import tensorflow
from zoo import adapters, probe, tensorflow_model
from zoo.errors import MissingPackageError, WeightsError

CARD = dataclasses.replace(
    zoo.card("efficientnet-x-b0"),
    resolution=32,
    classes=5,
    architecture={
        "scope": "tiny",
        "width": 0.25,
        "depth": 1.0,
        "squeeze": 1,
        "stages": ["r1 k3 s1 e1 c16 relu space2depth", "r1 k3 s2 e6 c24 swish fused after_space2depth"],
    },
)


@pytest.fixture(scope="module")
def model():
    native = adapters.build(CARD)
    native.apply_probe()
    return native


@pytest.fixture
def write_checkpoint(tmp_path):
    """Writes variables in TensorFlow's own format, as its training does, and returns the index file."""
    import tensorflow as tf

    def write(variables):
        prefix = tmp_path / "model.ckpt-7"
        tf.raw_ops.SaveV2(
            prefix=str(prefix),
            tensor_names=list(variables),
            shape_and_slices=[""] * len(variables),
            tensors=[tf.constant(value) for value in variables.values()],
        )
        return prefix.with_name("model.ckpt-7.index")

    return write


def test_parameters_are_the_probes_under_the_releases_names(model):
    tensors = model.parameters()
    for name, values in tensors.items():
        np.testing.assert_array_equal(values, probe.tensor(name, values.shape, framework="tensorflow"))
    assert model.weights == "probe"
    assert model.signature_sha256() == probe.signature_sha256((n, v.shape, "float32") for n, v in tensors.items())
    assert model.weights_sha256() == probe.weights_sha256(tensors)


def test_parameters_do_not_change_behind_the_callers_back(model):
    native = adapters.build(CARD)
    native.apply_probe()
    before = native.parameters()
    native.assign(lambda name, shape: np.zeros(shape, np.float32))
    assert np.abs(before["tiny/stem/conv2d/kernel"]).sum() > 0


def test_counts_are_those_of_the_layers(model):
    tensors = model.parameters()
    assert model.count_parameters() == sum(v.size for n, v in tensors.items() if "moving" not in n)
    # Output side of each convolution, by the scope it lies in; squeeze-and-excitation works on one pixel.
    sides = {"tiny/stem": 16, "tiny/blocks_0": 8, "tiny/blocks_1": 8, "tiny/head": 8}
    macs = 0
    for name, values in tensors.items():
        if name.endswith("kernel"):
            scope = "/".join(name.split("/")[:2])
            pixels = 1 if "/se/" in name or "/dense/" in name else sides[scope] ** 2
            macs += values.size * pixels
    assert model.count_macs() == macs


def test_the_damped_probe_is_used_where_the_card_says_so():
    native = adapters.build(dataclasses.replace(CARD, probe_damping=0.75))
    native.apply_probe()
    name = "tiny/stem/tpu_batch_normalization/gamma"
    np.testing.assert_array_equal(
        native.parameters()[name], probe.damped_tensor(name, (8,), 0.75, framework="tensorflow")
    )


def test_a_checkpoint_loads_its_averages_as_the_release_evaluates_them(model, write_checkpoint):
    variables = model.parameters()
    training = {f"{name}/ExponentialMovingAverage": 1.5 * values for name, values in variables.items()}
    state = {f"{name}/RMSProp": values for name, values in variables.items()}
    native = adapters.build(CARD)
    native.load_file(write_checkpoint({**variables, **training, **state, "global_step": np.int64(9)}))
    assert native.weights == "file"
    for name, values in native.parameters().items():
        np.testing.assert_array_equal(values, 1.5 * variables[name])


def test_a_checkpoint_without_averages_loads_as_it_is(model, write_checkpoint):
    native = adapters.build(CARD)
    native.load_file(write_checkpoint(model.parameters()))
    assert native.weights_sha256() == model.weights_sha256()


def test_what_does_not_fit_is_listed(model, write_checkpoint):
    variables = dict(model.parameters())
    del variables["tiny/head/dense/bias"]
    variables["tiny/head/dense/kernel"] = np.zeros((3, 5), np.float32)
    variables["other/kernel"] = np.zeros(3, np.float32)
    with pytest.raises(WeightsError) as caught:
        adapters.build(CARD).load_file(write_checkpoint(variables))
    assert "missing tiny/head/dense/bias; unexpected other/kernel; tiny/head/dense/kernel has shape (3, 5)" in str(
        caught.value
    )


def test_what_is_not_a_checkpoint_is_reported(model, tmp_path):
    with pytest.raises(WeightsError, match=f"no checkpoint file of {CARD.name} at"):
        model.load_file(tmp_path / "none.index")
    page = tmp_path / "page.index"
    page.write_bytes(b"<html>Not Found</html>")
    with pytest.raises(WeightsError, match=f"page.index is an HTML page, not the index of .* of {CARD.name}"):
        model.load_file(page)
    page.write_bytes(bytes(8))
    with pytest.raises(
        WeightsError, match=f"page.index cannot be read as a checkpoint of {CARD.name}: file is too short"
    ):
        model.load_file(page)
    data = tmp_path / "model.ckpt.data-00000-of-00001"
    data.write_bytes(b"")
    with pytest.raises(WeightsError, match=r"is not the \.index file"):
        model.load_file(data)


def remove(data):
    data.unlink()


def cut_in_half(data):
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])


def change_a_byte(data):
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 0xFF
    data.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [(remove, "No such file"), (cut_in_half, "Read less bytes"), (change_a_byte, "Checksum does not match")],
)
def test_a_checkpoint_with_damaged_data_is_reported_and_changes_nothing(damage, reason, model, write_checkpoint):
    native = adapters.build(CARD)
    native.apply_probe()
    index = write_checkpoint({name: 2 * values for name, values in model.parameters().items()})
    damage(index.with_suffix(".data-00000-of-00001"))
    with pytest.raises(WeightsError, match=f"7.index cannot be read as a checkpoint of {CARD.name}: .*{reason}.*again"):
        native.load_file(index)
    assert native.weights == "probe"
    assert native.weights_sha256() == model.weights_sha256()


IN_ONE_PROCESS = """
import {first}
import zoo
for name in ("efficientnet-x-b0", "RegNetX-200MF"):
    assert zoo.load(name).count_macs() == zoo.card(name).macs
print("done")
"""


@pytest.mark.parametrize("first", ["numpy", "torch"])
def test_pytorch_works_after_tensorflow_in_one_process(first):
    """In a process of its own, since what goes wrong there is a crash."""
    code = IN_ONE_PROCESS.format(first=first)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "done"), done.stderr[-500:]


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        (
            "keras.__version__",
            "2.15.0",
            "needs Keras 3 on TensorFlow; this environment has Keras 2.15.0 .* pip install -U",
        ),
        ("keras.backend.backend", lambda: "jax", "on jax beside TensorFlow .* set KERAS_BACKEND=tensorflow"),
    ],
)
def test_a_keras_that_is_not_the_one_needed_is_reported(attribute, value, message, monkeypatch):
    monkeypatch.setattr(attribute, value)
    with pytest.raises(MissingPackageError, match=message):
        tensorflow_model.require_tensorflow("a model", "tensorflow")


@pytest.mark.parametrize(
    ("backend", "reason"), [("absent", "Unable to import backend : absent"), ("jax", "import of jax halted")]
)
def test_a_keras_on_a_framework_that_is_missing_is_reported(backend, reason):
    """In a process of its own, since Keras chooses when it is first imported."""
    code = "import sys; sys.modules['jax'] = None; import zoo; zoo.load('efficientnet-x-b0')"
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert re.search(
        f"MissingPackageError: .*another framework .*{reason}.*: set KERAS_BACKEND=tensorflow", done.stderr
    ), done.stderr[-500:]


def test_a_dropped_model_leaves_no_graph_behind():
    """A graph that stays keeps the variables that it captured: twice the model's size a model."""
    from tensorflow.python.framework.func_graph import FuncGraph

    def graphs():
        gc.collect()
        return sum(issubclass(type(thing), FuncGraph) for thing in gc.get_objects())

    before = graphs()
    native = adapters.build(CARD)
    native.count_macs()
    native.logits(probe.images(CARD.resolution))
    tensorflow.export(native.deployable(), exporter="tf2onnx", opset=17, batch=1, resolution=CARD.resolution)
    del native
    assert graphs() == before
