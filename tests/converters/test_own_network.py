"""Networks that `torch.onnx.export` takes and that bookkeeping once refused, converted from end to end."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

import converters
from converters import own_network, pytorch
from converters.own_network import MIXES_IMAGES, NO_ROWS, ONE_BATCH, refuse_other_precision
from tests.converters.conftest import small_network
from zoo import own

NETWORKS = """
import dataclasses
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm


def base(channels=3, width=8):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)
    )


class Around(nn.Module):
    def __init__(self, before=None, after=None, network=None):
        super().__init__()
        self.network, self.before, self.after = network or base(), before, after

    def forward(self, images):
        output = self.network(self.before(images) if self.before else images)
        return self.after(output) if self.after else output


MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)


class Temperature(Around):
    def __init__(self):
        super().__init__()
        self.temperature = nn.Parameter(torch.tensor(2.0))

    def forward(self, images):
        return self.network(images) / self.temperature.item()


class Amplifying(Around):
    def __init__(self):
        super().__init__(network=nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 24, 10)))

    def forward(self, images):
        output = self.network(images)
        for _ in range(3):
            output = torch.sin(30 * output)
        return output


class Extra(Around):
    def get_extra_state(self):
        return {"version": 3, "table": torch.ones(3)}

    def set_extra_state(self, state):
        pass


class Counting(Around):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, images):
        self.calls += 1
        return self.network(images)


@dataclasses.dataclass
class Output:
    loss: object
    logits: torch.Tensor


class AlwaysTraining(nn.BatchNorm2d):
    def train(self, mode=True):
        return super().train(True)


def first(change):
    network = base()
    changed = change(network[0])
    network[0] = network[0] if changed is None else changed
    return network


def between(layer):
    network = base()
    return nn.Sequential(network[0], layer, *network[1:])


def own_normalisation(): return Around(before=lambda x: x - MEAN)
def temperature(): return Temperature()
def amplifying(): return Amplifying()
def weight_normed(): return first(weight_norm)
def weight_parametrised(): return first(parametrizations.weight_norm)
def spectral_normed(): return first(spectral_norm)
def spectral_parametrised(): return first(parametrizations.spectral_norm)
def pruned(): return first(lambda layer: prune.l1_unstructured(layer, "weight", 0.5) and None)
def extra_state(): return Extra()
def counting(): return Counting()
def dictionary(): return Around(after=lambda y: {"logits": y})
def two_heads(): return Around(after=lambda y: (y, y.softmax(1)))
def dataclass_output(): return Around(after=lambda y: Output(None, y))
def grey(): return base(1)
def half(): return base().half()
def bfloat(): return base().bfloat16()
def half_inside(): return Around(lambda x: x.half(), lambda y: y.float(), base().half())
def bfloat_inside(): return Around(lambda x: x.bfloat16(), lambda y: y.float(), base().bfloat16())
def one_image(): return Around(after=lambda y: y.view(1, 10))
def one_row(): return Around(after=lambda y: y[0])
def total(): return Around(after=lambda y: y.sum())
def zeros(): return Around(after=lambda y: y * 0)
def over_images(): return Around(after=lambda y: y - 0.5 * y.mean(0, keepdim=True))
def no_running_statistics(): return between(nn.BatchNorm2d(8, track_running_stats=False))
def always_training(): return between(AlwaysTraining(8))
def dropout(): return Around(after=lambda y: F.dropout(y, 0.5))
def bright_only(): return Around(before=lambda x: 1 / 0 if x.abs().max() else x)
def maps(): return nn.Conv2d(3, 5, 3)
def build(width=8): return base(3, width)
"""

SIZE = 24


@pytest.fixture(autouse=True)
def networks(tmp_path, monkeypatch):
    (tmp_path / "user_kinds.py").write_text(NETWORKS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


def converted(name, tmp_path, **options):
    options = {"exporter": "torchscript", "resolution": SIZE, **options}
    return converters.convert(f"user_kinds:{name}", cache_dir=tmp_path / "cache", **options)


def outputs(artifact, images):
    session = onnxruntime.InferenceSession(artifact.path, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": images})[0]


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("own_normalisation", ""),
        ("temperature", ""),
        ("weight_normed", ""),
        ("spectral_parametrised", ""),
        ("extra_state", ""),
        ("counting", ""),
        ("dictionary", "the measured output is ['logits'] of the dict that the network returns"),
        ("dataclass_output", "the measured output is .logits of the Output that the network returns"),
        ("one_image", ONE_BATCH.format(images="1 image")),
    ],
)
def test_what_the_default_exporter_takes_is_converted(name, warning, tmp_path):
    artifact = converted(name, tmp_path, exporter="dynamo")
    assert artifact.provenance.get("warnings", []) == ([warning] if warning else [])
    assert max(check["relative_l2"] for check in artifact.provenance["verification"]) < 1e-5
    assert artifact.provenance["macs"] == 8 * 27 * 11 * 11 + 80
    image = np.random.default_rng(1).random((1, 3, SIZE, SIZE), np.float32)
    native = own.load(f"user_kinds:{name}", SIZE)
    native.fit(1)
    np.testing.assert_allclose(outputs(artifact, image), native.logits(image), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "batch", "warnings"),
    [
        ("weight_parametrised", 1, []),
        ("spectral_normed", 1, []),
        ("pruned", 1, []),
        ("weight_normed", 3, []),
        ("maps", 1, []),
        ("zeros", 1, []),
        ("two_heads", 3, ["the measured output is [0] of the tuple that the network returns"]),
        ("one_row", 1, [NO_ROWS.format(images="2 images")]),
        ("total", 3, [NO_ROWS.format(images="4 images")]),
        ("over_images", 1, [MIXES_IMAGES.format(batch=1)]),
        ("over_images", 3, [MIXES_IMAGES.format(batch=3)]),
        ("build(width=4)", 1, []),
    ],
)
def test_what_the_older_exporter_takes_is_converted(name, batch, warnings, tmp_path):
    artifact = converted(name, tmp_path, batch=batch)
    assert artifact.provenance.get("warnings", []) == warnings
    assert artifact.provenance["models"] == [f"own/user_kinds:{name}"]


def test_a_network_that_amplifies_rounding_says_how_far_a_graph_can_agree(tmp_path):
    artifact = converted("amplifying", tmp_path)
    (warning,) = artifact.provenance["warnings"]
    assert warning.startswith("the network amplifies rounding: its own output in float32 is ")
    assert max(check["relative_l2"] for check in artifact.provenance["verification"]) > 1e-5


def test_a_graph_that_is_wrong_is_not_excused_by_rounding(tmp_path, monkeypatch):
    monkeypatch.setattr(
        own_network, "artifact_outputs", lambda path, images: [np.ones((1, 10), np.float32)] * len(images)
    )
    with pytest.raises(converters.VerificationError, match="the graph disagrees with the network"):
        converted("amplifying", tmp_path)


def test_an_argument_builds_another_network(tmp_path):
    narrow, wide = converted("build(width=4)", tmp_path), converted("build", tmp_path)
    assert (narrow.provenance["parameters"], wide.provenance["parameters"]) == (4 * 28 + 50, 8 * 28 + 90)


@pytest.mark.parametrize("name", ["half", "bfloat"])
def test_a_network_in_half_precision_is_a_graph_of_float32_with_its_weights(name, tmp_path):
    artifact = converted(name, tmp_path)
    graph = onnx.load(artifact.path).graph
    assert {tensor.data_type for tensor in graph.initializer} == {onnx.TensorProto.FLOAT}
    assert ["its graph is made in float32" in text for text in artifact.provenance["warnings"]] == [True]


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_batch_statistics_in_use_are_in_the_warnings(exporter, tmp_path):
    artifact = converted("no_running_statistics", tmp_path, exporter=exporter, batch=2)
    assert ["batch statistics are in use in 1 layer" in text for text in artifact.provenance["warnings"]] == [True]


def test_an_exporter_that_drops_batch_statistics_is_found_and_the_other_is_named(tmp_path):
    with pytest.raises(converters.VerificationError, match=r"batch statistics.*without them.*try the other exporter"):
        converted("always_training", tmp_path, exporter="dynamo", batch=2)
    assert converted("always_training", tmp_path, batch=2).provenance["verification"]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("grey", own.OwnModelError, "it takes images of one channel"),
        ("half_inside", converters.ConversionError, "computes in fp16 inside.*return it in float32"),
        ("dropout", converters.VerificationError, "two runs of the network on the same images differ.*dropout"),
        ("bright_only", converters.VerificationError, "takes black images and fails on others: ZeroDivisionError"),
    ],
)
def test_what_cannot_be_converted_says_what_to_do_and_leaves_nothing(name, error, message, tmp_path):
    with pytest.raises(error, match=message) as raised:
        converted(name, tmp_path)
    assert "exporter" not in str(raised.value)
    assert not list((tmp_path / "cache" / "artifacts").iterdir())


@pytest.mark.parametrize("precision", ["fp16", "int8"])
@pytest.mark.parametrize("name", ["one_row", "total", "half"])
@pytest.mark.filterwarnings("ignore")
def test_other_precisions_follow_whatever_the_output_is(name, precision, tmp_path):
    artifact = converted(name, tmp_path, precision=precision)
    assert artifact.provenance["precision"] == precision
    assert 0 < artifact.provenance["verification"][0]["relative_l2"] < 0.05


def test_multiply_adds_that_are_not_known_are_empty_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr("converters.multiply_adds._UNCOUNTED", ("Relu",))
    artifact = converted("build", tmp_path)
    assert artifact.provenance["macs"] is None
    assert artifact.provenance["warnings"] == ["multiply-adds are not known: Relu is not counted"]


def test_a_graph_that_the_runtime_refuses_says_so(tmp_path, monkeypatch):
    def refuse(path, images):
        raise RuntimeError("no kernel for BatchNormalization\nmore")

    monkeypatch.setattr(own_network, "artifact_outputs", refuse)
    with pytest.raises(converters.VerificationError, match=r"does not run the converted graph: no kernel.*tion;"):
        converted("build", tmp_path)


@pytest.mark.parametrize(("numbers", "name"), [(onnx.TensorProto.FLOAT16, "fp16"), (onnx.TensorProto.DOUBLE, "fp64")])
def test_a_graph_of_another_precision_is_refused_by_name(numbers, name):
    model = small_network()
    refuse_other_precision(model)
    kind = np.float16 if name == "fp16" else np.float64
    for tensor in list(model.graph.initializer):
        values = onnx.numpy_helper.to_array(tensor).astype(kind)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    model.graph.input[0].type.tensor_type.elem_type = model.graph.output[0].type.tensor_type.elem_type = numbers
    with pytest.raises(converters.ConversionError, match=f"computes in {name} inside"):
        refuse_other_precision(model)


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
@pytest.mark.parametrize("name", ["half_inside", "bfloat_inside"])
def test_types_inside_send_nobody_to_the_other_exporter(name, exporter, tmp_path):
    with pytest.raises(converters.ConversionError, match=r"return it in float32|exporter fails too$") as raised:
        converted(name, tmp_path, exporter=exporter)
    assert "--exporter" not in str(raised.value)


@pytest.mark.parametrize(("takes", "said"), [(True, "takes the network: --exporter dynamo"), (False, "fails too")])
def test_a_graph_that_does_not_run_names_the_other_exporter_if_that_helps(takes, said, tmp_path, monkeypatch):
    def fail(path, images):
        raise RuntimeError("no kernel")

    monkeypatch.setattr(own_network, "artifact_outputs", fail)
    if not takes:
        monkeypatch.setitem(pytorch.EXPORTERS, "dynamo", fail)
    with pytest.raises(converters.VerificationError, match=f"does not run the converted graph: no kernel; .*{said}"):
        converted("temperature", tmp_path)
