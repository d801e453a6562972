from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest

import converters
import zoo
from foundation.vocabulary import METADATA_PREFIX
from zoo import own, probe

FAST = {
    "efficientnet/tf_efficientnet_b0",
    "efficientnet_x/efficientnet-x-b0",
    "ofa/LG-G8_lat-8ms_top1-71.1_finetune-25",
    "regnet/RegNetY-200MF",
    "resnest/resnest50",
}


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def preprocessing_in(artifact):
    metadata = {entry.key: entry.value for entry in onnx.load(artifact.path).metadata_props}
    return json.loads(metadata[METADATA_PREFIX + "preprocessing"])


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in zoo.list_models()],
)
def test_the_artifact_computes_the_network(name, cache_dir):
    """Independent of the converter's own check: another session, the probe's logits head."""
    model = zoo.load(name)
    artifact = converters.convert(model, cache_dir=cache_dir)
    session = onnxruntime.InferenceSession(artifact.path, providers=["CPUExecutionProvider"])
    images = probe.images(model.card.resolution)
    logits = np.concatenate([session.run(["logits"], {"input": image[None]})[0] for image in images])
    assert probe.relative_l2(logits, model.logits(images)) < model.card.artifact_tolerance


def test_provenance_travels_in_the_file_and_beside_it(cache_dir):
    name = "regnet/RegNetY-200MF"
    artifact = converters.convert(zoo.load(name), cache_dir=cache_dir)
    inside = {entry.key: json.loads(entry.value) for entry in onnx.load(artifact.path).metadata_props}
    provenance = inside[METADATA_PREFIX + "provenance"]
    assert provenance.items() <= artifact.provenance.items()
    assert provenance["models"] == [name]
    assert provenance["release"]["commit"] == zoo.card(name).release.commit
    assert provenance["weights"]["kind"] == "probe"
    assert provenance["exporter"]["name"] == "dynamo"
    assert provenance["parameters"] == zoo.card(name).parameters
    assert provenance["operators"]["Conv"] == 70
    assert inside[METADATA_PREFIX + "preprocessing"]["channel_order"] == "BGR"
    assert [check["images"] for check in artifact.provenance["verification"]] == ["probe", "natural"]


def test_a_second_conversion_comes_from_the_cache(cache_dir):
    first = converters.convert("regnet/RegNetY-200MF", cache_dir=cache_dir)
    changed = first.path.stat().st_mtime_ns
    again = converters.convert("regnet/RegNetY-200MF", cache_dir=cache_dir)
    assert again.path == first.path
    assert again.path.stat().st_mtime_ns == changed


def test_cards_of_one_network_share_one_artifact_under_the_probe(tmp_path):
    """It states the preprocessing of the first, whichever of them is converted, and so has the same bytes."""
    name, first = "efficientnet/efficientnet_b0.ra4_e3600_r224_in1k", "efficientnet/efficientnet_b0"
    model = zoo.load(name)
    made = converters.convert(name, cache_dir=tmp_path)
    assert converters.convert(first, cache_dir=tmp_path).path == made.path
    assert made.provenance["models"] == [first, name]
    assert preprocessing_in(made)["mean"] == [0.485, 0.456, 0.406]
    model.weights = "file"
    other = converters.convert(model, cache_dir=tmp_path)
    assert other.provenance["models"] == [name]
    assert preprocessing_in(other)["mean"] == [0.5, 0.5, 0.5]
    assert model.card == zoo.card(name)


def test_a_changed_model_is_another_artifact(cache_dir):
    name = "ofa/LG-G8_lat-8ms_top1-71.1_finetune-25"
    model = zoo.load(name)
    before = converters.convert(model, exporter="torchscript", cache_dir=cache_dir)
    assert converters.convert(model, exporter="torchscript", cache_dir=cache_dir).path == before.path
    model.module.classifier.linear.bias.mul_(2)
    weights = converters.convert(model, exporter="torchscript", cache_dir=cache_dir)
    model.module.first_conv.bn.eps = 0.1
    structure = converters.convert(model, exporter="torchscript", cache_dir=cache_dir)
    assert len({before.sha256, weights.sha256, structure.sha256}) == 3
    assert converters.convert(name, exporter="torchscript", cache_dir=cache_dir).sha256 == before.sha256


def test_a_network_that_yields_nan_is_an_error_and_leaves_nothing(tmp_path):
    model = zoo.load("ofa/LG-G8_lat-8ms_top1-71.1_finetune-25")
    model.module.classifier.linear.bias[0] = float("nan")
    with pytest.raises(converters.VerificationError, match="the network itself yields NaN"):
        converters.convert(model, cache_dir=tmp_path)
    assert not list((tmp_path / "artifacts").iterdir())


USER_NETWORK = """\
import torch

def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
        torch.nn.Linear(16, 10),
    )
"""
PIXELS = """\
rule = "squash"
crop_px = 24
interpolation = "bilinear"
library = "pil"
channel_order = "RGB"
mean = [0.0, 0.0, 0.0]
std = [0.00392156862745098, 0.00392156862745098, 0.00392156862745098]
"""


@pytest.fixture
def user_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "user_networks.py").write_text(USER_NETWORK)
    (tmp_path / "pixels.toml").write_text(PIXELS)
    return "user_networks:network"


def test_a_user_network_is_converted_as_it_is_fed(user_network, tmp_path):
    stated = converters.convert(user_network, preprocessing="pixels.toml", cache_dir=tmp_path)
    assert stated.provenance["resolution"] == 24, "that of the crop"
    assert stated.provenance["preprocessing"]["rule"] == "squash"
    inside = {entry.key: json.loads(entry.value) for entry in onnx.load(stated.path).metadata_props}
    assert inside[METADATA_PREFIX + "preprocessing"] == json.loads(json.dumps(stated.provenance["preprocessing"]))
    assumed = converters.convert(user_network, resolution=24, cache_dir=tmp_path)
    assert assumed.provenance["preprocessing"]["stated_in"].startswith("assumed")
    assert len({stated.provenance["key"], assumed.provenance["key"]}) == 2
    again = converters.convert(user_network, preprocessing="pixels.toml", cache_dir=tmp_path)
    assert (again.path, again.sha256) == (stated.path, stated.sha256)


def test_the_options_of_a_native_user_network_are_not_mistaken_for_others(user_network, tmp_path):
    native = own.load(user_network, 24)
    found = [converters.convert(native, opset=opset, cache_dir=tmp_path).provenance["opset"] for opset in (18, 17)]
    assert found == [18, 17]


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("user_networks:network", {"preprocessing": "gone.toml"}, "No such file"),
        ("user_networks:network", {"preprocessing": "pixels.toml", "resolution": 32}, "the crop has 24 px"),
        ("regnet/RegNetY-200MF", {"preprocessing": "pixels.toml"}, "any other model has a card"),
        ("regnet/RegNetY-200MF", {"resolution": 32}, "any other model has a card"),
    ],
)
@pytest.mark.usefixtures("user_network")
def test_a_preprocessing_that_does_not_fit_is_refused(model, options, message, tmp_path):
    with pytest.raises((converters.ConversionError, zoo.ZooError), match=message):
        converters.convert(model, cache_dir=tmp_path / "cache", **options)
    assert not (tmp_path / "cache").exists()
