from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

import zoo
from harness.accuracy.targets import (
    NOT_RECALIBRATED,
    NOT_THE_WEIGHTS,
    EvaluationTarget,
    evaluation_target,
    own_preprocessing,
)
from harness.datasets import ImageSet, open_images
from harness.errors import AccuracyError
from harness.machine.gpu.settings import GpuSettings
from harness.records.series import Series
from tests.fakes.classifiers import series_of
from zoo.card import Preprocessing

TOML = """\
rule = "squash"
crop_px = 16
interpolation = "bilinear"
library = "pil"
channel_order = "BGR"
mean = [0.5, 0.5, 0.5]
std = [0.25, 0.25, 0.25]
"""


@pytest.fixture
def images(make_images):
    return open_images(make_images())


@pytest.fixture
def facts(write_classifier) -> Series:
    return series_of(write_classifier())


def target_of(facts: Series, images: ImageSet, own: Preprocessing | None) -> EvaluationTarget | str:
    return evaluation_target(facts, facts.target(1, GpuSettings(), Path("cache")), images, own)


def test_a_user_file_takes_images_as_torchvision_does(images, facts):
    target = target_of(facts, images, None)
    assert isinstance(target, EvaluationTarget)
    assert (target.preprocessing.crop_px, target.preprocessing.resize_px) == (16, 18)
    assert EvaluationTarget.from_json(json.loads(json.dumps(target.to_json()))) == target


def test_or_as_the_given_preprocessing_says(images, facts, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(TOML)
    own = own_preprocessing(str(path))
    target = target_of(facts, images, own)
    assert isinstance(target, EvaluationTarget)
    assert target.preprocessing.rule == "squash"
    assert target.pipeline.normalisation.channel_order == "BGR"


def test_a_model_of_the_zoo_takes_images_as_its_release_does(images, facts):
    card = zoo.card("lanet/LaNet_CIFAR10_128")
    released = dataclasses.replace(
        facts, model=card.name, source=card.source, variant=card.variant, weights="released", resolution=32
    )
    target = target_of(released, images, own_preprocessing("resnest50"))
    assert isinstance(target, EvaluationTarget)
    assert target.preprocessing == card.preprocessing


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"weights": "probe"}, NOT_THE_WEIGHTS),
        ({"status": "timeout", "reason": "not converted\nin time"}, "there is no artifact: not converted in time"),
        ({"resolution": None}, "its input does not have the fixed shape of square images"),
        ({"classes": 10}, "7-class labels (images) for a 10-class model (onnx/net)"),
        ({"source": "vgg", "model": "vgg/16"}, "its preprocessing cannot be done: unknown model 'vgg/16'"),
    ],
)
def test_what_is_not_evaluated_says_why(changed, reason, images, facts):
    found = target_of(dataclasses.replace(facts, **changed), images, None)
    assert isinstance(found, str)
    assert reason in found


def test_a_preprocessing_of_another_size_says_so(images, facts):
    found = target_of(facts, images, own_preprocessing("resnest50"))
    assert isinstance(found, str)
    assert "the crop is of 224 px, the network takes 16 px" in found


@pytest.mark.parametrize("name", ["provenance.json", "net.json"])
def test_a_supernets_statistics_are_not_evaluated(name, images, facts):
    """Beside the artifact in the cache, and in a bundle."""
    beside = Path(facts.artifact_path).with_name(name)
    beside.write_text(json.dumps({"weights": {"kind": "released", "recalibrated": None}}))
    assert target_of(facts, images, None) == NOT_RECALIBRATED
    beside.write_text(json.dumps({"weights": {"kind": "released", "recalibrated": {"batches": 64}}}))
    assert isinstance(target_of(facts, images, None), EvaluationTarget)
    beside.write_text(json.dumps({"weights": {"kind": "released"}}))
    assert isinstance(target_of(facts, images, None), EvaluationTarget)


def with_network(target: EvaluationTarget, **changes: Any) -> EvaluationTarget:
    return dataclasses.replace(target, network=dataclasses.replace(target.network, **changes))


def test_predictions_of_another_artifact_or_preprocessing_are_of_another_identity(images, facts):
    target = target_of(facts, images, None)
    assert isinstance(target, EvaluationTarget)
    elsewhere = with_network(target, artifact="/elsewhere/net.onnx", threads=64, cache_dir="/elsewhere")
    assert elsewhere.identity() == target.identity()
    stated = dataclasses.replace(target.preprocessing, stated_in="elsewhere")
    assert dataclasses.replace(target, preprocessing=stated).identity() == target.identity()
    steps = dataclasses.replace(target.preprocessing, resize_px=20)
    for changed in (
        with_network(target, sha256="0" * 64),
        with_network(target, precision="int8"),
        dataclasses.replace(target, preprocessing=steps),
    ):
        assert changed.identity() != target.identity()


def test_the_identity_on_disk_is_that_of_earlier_versions(images, facts):
    """Predictions that those versions began are resumed."""
    found = target_of(facts, images, None)
    assert isinstance(found, EvaluationTarget)
    identity = found.identity()
    assert len(identity.pop("preprocessing")) == 64
    assert identity == {
        "key": facts.key,
        "model": "onnx/net",
        "artifact_sha256": facts.artifact_sha256,
        "backend": "onnxruntime",
        "precision": "fp32",
        "batch": 1,
        "classes": images.classes,
        "resolution": 16,
    }


@pytest.mark.parametrize(
    ("text", "content", "message"),
    [
        ("gone.toml", None, "No such file"),
        ("own.toml", 'rule = "squash"\n', "missing keys"),
        ("own.toml", TOML + "size = 3\n", "unknown keys ['size']"),
        ("own.toml", "rule = ", "Give the name of a model"),
        ("own.toml", TOML.replace("0.5", "127.5"), "divide that of 0..255 by 255"),
        ("own.toml", TOML.replace("[", "{a = [").replace("]", "]}"), "three numbers"),
        ("resnest51", None, "nearest: resnest/resnest50"),
        ("resnest", None, "selects 11 models"),
    ],
)
def test_an_invalid_preprocessing_is_refused(text, content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(text).write_text(content)
    with pytest.raises(AccuracyError) as raised:
        own_preprocessing(text)
    assert message in str(raised.value)
    assert f"--preprocessing {text}: " in str(raised.value)
