from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

import zoo
from converters import int8, precision, pytorch
from converters import request as conversion
from foundation import vocabulary
from harness.artifacts import request
from harness.errors import HarnessError
from harness.runs.request import RunRequest
from zoo import releases, weights
from zoo.checkpoints import FetchError, FetchSettings


def test_the_defaults_are_the_converters_own() -> None:
    assert tuple(pytorch.EXPORTERS) == vocabulary.EXPORTERS
    assert vocabulary.DEFAULT_EXPORTER in pytorch.EXPORTERS
    assert ("fp32", *precision.LARGEST_ERROR) == vocabulary.PRECISIONS
    assert tuple(int8.SCHEMES) == vocabulary.INT8_SCHEMES
    wanted = conversion.ConversionRequest("gpunet/GPUNet-0")
    (asked,) = request.ArtifactRequest(models=("gpunet/GPUNet-0",)).conversions()
    assert dataclasses.replace(asked, options=wanted.options) == wanted


def test_bfloat16_is_no_precision_of_artifacts() -> None:
    asked = request.ArtifactRequest(models=("gpunet/GPUNet-0",), precision="bf16")
    assert asked.artifact_precision == "fp32"
    assert asked.conversions() == dataclasses.replace(asked, precision="fp32").conversions()
    assert [vocabulary.graph_precision(one) for one in vocabulary.MEASURED_PRECISIONS] == [
        *vocabulary.PRECISIONS,
        "fp32",
    ]


def test_the_words_for_weights_are_the_zoos(tmp_path: Path) -> None:
    card = zoo.card("gpunet/GPUNet-0")
    nowhere = FetchSettings(cache_dir=tmp_path, offline=True)
    assert weights.at_hand(card, vocabulary.PROBE, nowhere) is None
    with pytest.raises(FetchError):
        weights.at_hand(card, vocabulary.RELEASED, nowhere)
    with pytest.warns(UserWarning, match="gets the probe's weights"):
        assert weights.at_hand(card, vocabulary.AUTO, nowhere) is None
    assert weights.at_hand(card, "weights.pth", nowhere) == Path("weights.pth")


def test_images_recalibrate_what_needs_it_and_has_a_checkpoint(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    (images / "a.jpg").write_bytes(b"not looked into yet")
    asked = request.ArtifactRequest(
        models=("alphanet/a0", "regnet/RegNetX-200MF"), weights=vocabulary.AUTO, calibration_images=images
    )
    asked.check()
    given = {one.model: one.recalibration_images for one in asked.conversions()}
    assert given == {"alphanet/a0": images, "regnet/RegNetX-200MF": None}
    probed = dataclasses.replace(asked, weights=vocabulary.PROBE, precision="int8")
    probed.check()
    assert [one.recalibration_images for one in probed.conversions()] == [None, None]
    assert {one.options.calibration_images for one in probed.conversions()} == {images}


def test_a_folder_without_images_to_recalibrate_on_is_refused(tmp_path: Path) -> None:
    asked = request.ArtifactRequest(models=("alphanet/a0",), weights=vocabulary.RELEASED, calibration_images=tmp_path)
    with pytest.raises(HarnessError, match=r"holds no images .* to recalibrate on"):
        asked.check()


PIXELS = """\
rule = "squash"
crop_px = 32
interpolation = "bilinear"
library = "pil"
channel_order = "RGB"
mean = [0.0, 0.0, 0.0]
std = [1.0, 1.0, 1.0]
"""


def test_a_stated_preprocessing_is_that_of_every_user_network_and_of_no_other(tmp_path: Path) -> None:
    path = tmp_path / "pixels.toml"
    path.write_text(PIXELS)
    asked = request.ArtifactRequest(
        models=("gpunet/GPUNet-0",), own_models=("a:b", "c:d"), preprocessing=str(path), precision="int8"
    )
    asked.check()
    zoos, *own = asked.conversions()
    assert zoos.preprocessing is None
    assert {one.preprocessing for one in own} == {asked.own_preprocessing()}
    assert {one.in_fp32().preprocessing for one in own} == {asked.own_preprocessing()}
    assert request.ArtifactRequest(own_models=("a:b",)).conversions()[0].preprocessing is None


def test_the_number_of_calibration_images_is_limited(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"not looked into yet")
    asked = request.ArtifactRequest(models=("gpunet/GPUNet-0",), precision="int8", calibration_images=tmp_path)
    limited = dataclasses.replace(asked, calibration_count=9)
    limited.check()
    assert [one.conversions()[0].options.calibration_count for one in (asked, limited)] == [128, 9]
    with pytest.raises(HarnessError, match="--calibration-count 0: give a number of at least 1"):
        dataclasses.replace(asked, calibration_count=0).check()
    with pytest.raises(HarnessError, match="--calibration-count: nothing is converted with --artifacts"):
        request.ArtifactRequest(artifacts=tmp_path, calibration_count=9).check()


def test_settings_can_be_written_as_json() -> None:
    wanted = request.ArtifactRequest(
        models=("a",), weights=vocabulary.RELEASED, weights_lock=Path("checkpoints.lock.toml")
    )
    asked = RunRequest(wanted, rounds=2)
    assert json.loads(json.dumps(asked.settings()))["weights_lock"] == "checkpoints.lock.toml"
    assert {"models", "rounds", "timing", "gpu"} <= set(asked.settings())


def test_original_code_is_requested_for_every_model() -> None:
    wanted = request.ArtifactRequest(models=("gpunet",), implementation="release")
    wanted.check()
    assert {one.implementation for one in wanted.conversions()} == {"release"}
    assert {one.implementation for one in request.ArtifactRequest(models=("gpunet",)).conversions()} == {"own"}


def test_models_without_original_code_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HarnessError, match="--implementation release: mine:build has no release"):
        request.ArtifactRequest(own_models=("mine:build",), implementation="release").check()
    monkeypatch.setattr(releases.pins, "all_sources", dict)
    with pytest.raises(HarnessError, match="--implementation release: no original code is known for source 'gpunet'"):
        request.ArtifactRequest(models=("gpunet",), implementation="release").check()
