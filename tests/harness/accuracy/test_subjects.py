from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

import zoo
from harness.accuracy.subjects import NOT_RECALIBRATED, NOT_THE_WEIGHTS, Subject, own_preprocessing, subject_of
from harness.datasets import open_images
from harness.errors import AccuracyError
from harness.records.series import Series
from tests.fakes.classifiers import series_of

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


def test_a_file_of_ones_own_takes_images_as_torchvision_does(images, facts):
    subject = subject_of(facts, images, None)
    assert isinstance(subject, Subject)
    assert (subject.preprocessing.crop_px, subject.preprocessing.resize_px) == (16, 18)
    assert Subject.from_json(json.loads(json.dumps(subject.to_json()))) == subject


def test_or_as_it_is_told(images, facts, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(TOML)
    own = own_preprocessing(str(path))
    subject = subject_of(facts, images, own)
    assert isinstance(subject, Subject)
    assert subject.preprocessing.rule == "squash"
    assert subject.pipeline.normalisation.channel_order == "BGR"


def test_a_model_of_the_zoo_takes_images_as_its_release_does(images, facts):
    card = zoo.card("lanet/LaNet_CIFAR10_128")
    released = dataclasses.replace(
        facts, model=card.name, source=card.source, variant=card.variant, weights="released", resolution=32
    )
    subject = subject_of(released, images, own_preprocessing("resnest50"))
    assert isinstance(subject, Subject)
    assert subject.preprocessing == card.preprocessing


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"weights": "probe"}, NOT_THE_WEIGHTS),
        ({"status": "timeout", "reason": "not converted\nin time"}, "there is no artifact: not converted in time"),
        ({"resolution": None}, "its input has no fixed shape of square images"),
        ({"classes": 10}, "7-class labels (images) for a 10-class model (onnx/net)"),
        ({"source": "vgg", "model": "vgg/16"}, "its preprocessing cannot be done: unknown model 'vgg/16'"),
    ],
)
def test_what_is_not_evaluated_says_why(changed, reason, images, facts):
    found = subject_of(dataclasses.replace(facts, **changed), images, None)
    assert isinstance(found, str)
    assert reason in found


def test_a_preprocessing_of_another_size_says_so(images, facts):
    found = subject_of(facts, images, own_preprocessing("resnest50"))
    assert isinstance(found, str)
    assert "the crop is of 224 px, the network takes 16 px" in found


@pytest.mark.parametrize("name", ["provenance.json", "net.json"])
def test_a_supernets_statistics_are_not_evaluated(name, images, facts):
    """Beside the artifact in the cache, and in a bundle."""
    beside = Path(facts.artifact_path).with_name(name)
    beside.write_text(json.dumps({"weights": {"kind": "released", "recalibrated": None}}))
    assert subject_of(facts, images, None) == NOT_RECALIBRATED
    beside.write_text(json.dumps({"weights": {"kind": "released", "recalibrated": {"batches": 64}}}))
    assert isinstance(subject_of(facts, images, None), Subject)
    beside.write_text(json.dumps({"weights": {"kind": "released"}}))
    assert isinstance(subject_of(facts, images, None), Subject)


def test_predictions_of_another_artifact_or_preprocessing_are_of_another_identity(images, facts):
    subject = subject_of(facts, images, None)
    assert isinstance(subject, Subject)
    elsewhere = dataclasses.replace(subject, artifact="/elsewhere/net.onnx")
    assert elsewhere.identity() == subject.identity()
    stated = dataclasses.replace(subject.preprocessing, stated_in="elsewhere")
    assert dataclasses.replace(subject, preprocessing=stated).identity() == subject.identity()
    for changed in (
        {"artifact_sha256": "0" * 64},
        {"precision": "int8"},
        {"preprocessing": dataclasses.replace(subject.preprocessing, resize_px=20)},
    ):
        assert dataclasses.replace(subject, **changed).identity() != subject.identity()


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
def test_a_preprocessing_that_is_none(text, content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(text).write_text(content)
    with pytest.raises(AccuracyError) as raised:
        own_preprocessing(text)
    assert message in str(raised.value)
    assert f"--preprocessing {text}: " in str(raised.value)
