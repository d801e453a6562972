from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import onnx
import pytest

import zoo
from harness.accuracy.targets import (
    NOT_RECALIBRATED,
    NOT_THE_WEIGHTS,
    EvaluationTarget,
    calibration_digests,
    evaluation_target,
)
from harness.datasets import ImageSet, open_images
from harness.machine.gpu.settings import GpuSettings
from harness.records.series import Series
from tests.fakes.classifiers import series_of
from tests.fakes.preprocessing import SQUASH_TOML
from zoo.card import Preprocessing
from zoo.own import card
from zoo.own_preprocessing import stated_preprocessing


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
    path.write_text(SQUASH_TOML)
    own = stated_preprocessing(str(path))
    target = target_of(facts, images, own)
    assert isinstance(target, EvaluationTarget)
    assert target.preprocessing.rule == "squash"
    assert target.pipeline.normalisation.channel_order == "BGR"


def converted_for(facts: Series, preprocessing: Preprocessing) -> None:
    """Writes the preprocessing into the file, as a conversion does."""
    model = onnx.load(facts.artifact_path)
    text = json.dumps(dataclasses.asdict(preprocessing))
    onnx.helper.set_model_props(model, {"baseline_zoo.preprocessing": text})
    onnx.save(model, facts.artifact_path)


@pytest.mark.parametrize("source", ["own", "onnx"])
def test_or_as_the_file_says_that_it_was_converted_for(images, facts, source, tmp_path):
    (tmp_path / "own.toml").write_text(SQUASH_TOML)
    converted_for(facts, stated_preprocessing(str(tmp_path / "own.toml")))
    target = target_of(dataclasses.replace(facts, source=source), images, None)
    assert isinstance(target, EvaluationTarget)
    assert (target.preprocessing.rule, target.preprocessing.channel_order) == ("squash", "BGR")


def test_int8_is_not_evaluated_in_another_way_than_it_was_calibrated(images, facts, tmp_path):
    (tmp_path / "own.toml").write_text(SQUASH_TOML)
    stated = stated_preprocessing(str(tmp_path / "own.toml"))
    converted_for(facts, card("a:b", 16).preprocessing)
    found = target_of(dataclasses.replace(facts, precision="int8"), images, stated)
    assert isinstance(found, str)
    assert "int8 was calibrated for shorter side to 18 px (Pillow bilinear), centre 16 px" in found
    assert isinstance(target_of(facts, images, stated), EvaluationTarget), "fp32 computes the same in any case"
    converted_for(facts, dataclasses.replace(stated, stated_in="elsewhere"))
    assert isinstance(target_of(dataclasses.replace(facts, precision="int8"), images, stated), EvaluationTarget)


def test_the_images_of_a_calibration_are_known_by_the_record_beside_the_artifact(facts):
    assert calibration_digests(facts) == []
    beside = Path(facts.artifact_path).with_name("provenance.json")
    beside.write_text(json.dumps({"weights": {"kind": "own"}, "calibration_sha256": ["a" * 64]}))
    assert calibration_digests(facts) == ["a" * 64]


@pytest.mark.parametrize("source", ["timm", "torchvision"])
def test_a_network_of_a_library_takes_images_as_its_file_says(images, facts, source, tmp_path):
    """Where it is evaluated, the library need not be installed; --preprocessing is that of user networks."""
    path = tmp_path / "own.toml"
    path.write_text(SQUASH_TOML)
    squashed = stated_preprocessing(str(path))
    converted_for(facts, squashed)
    facts = dataclasses.replace(facts, model=f"{source}/no_such_network", source=source)
    for own in (None, card("a:b", 16).preprocessing):
        target = target_of(facts, images, own)
        assert isinstance(target, EvaluationTarget)
        assert target.preprocessing == squashed


def test_a_model_of_the_zoo_takes_images_as_its_release_does(images, facts):
    lanet = zoo.card("lanet/LaNet_CIFAR10_128")
    released = dataclasses.replace(
        facts, model=lanet.name, source=lanet.source, variant=lanet.variant, weights="released", resolution=32
    )
    target = target_of(released, images, stated_preprocessing("resnest50"))
    assert isinstance(target, EvaluationTarget)
    assert target.preprocessing == lanet.preprocessing


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
    found = target_of(facts, images, stated_preprocessing("resnest50"))
    assert isinstance(found, str)
    assert "the crop has 224 px, the network takes 16 px" in found


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


def inputs_changed(facts: Series, *inputs: onnx.ValueInfoProto) -> None:
    """Replaces the inputs that the file states."""
    model = onnx.load(facts.artifact_path)
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    onnx.save(model, facts.artifact_path)


def value(name: str, kind: int, *shape: int) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, kind, shape)


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ([value("input", 1, 4, 16, 16, 3)], "(batch, 3, R, R): export it with one, not [4, 16, 16, 3]"),
        ([value("input", 1, 4, 1, 16, 16)], "not [4, 1, 16, 16]"),
        ([value("input", 1, 4, 3, 16, 12)], "not [4, 3, 16, 12]"),
        ([value("input", 2, 4, 3, 16, 16)], "its input 'input' is uint8: export it with float32"),
        ([value("input", 11, 4, 3, 16, 16)], "its input 'input' is float64: export it with float32"),
        ([value("input", 1, 4, 3, 16, 16), value("mask", 9, 4)], "it has 2 inputs (input, mask)"),
    ],
)
def test_a_file_that_takes_no_float_images_says_so(images, facts, inputs, reason):
    inputs_changed(facts, *inputs)
    found = target_of(facts, images, None)
    assert isinstance(found, str)
    assert reason in found
