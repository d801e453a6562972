"""Weights of artifacts: what provenance says about them, and artifacts of released checkpoints."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from converters.pool import convert_many
from converters.request import ConversionRequest, stored_under
from converters.weights import weights_facts, weights_warnings, with_finite_statistics
from foundation.digests import file_sha256
from zoo import probe
from zoo.checkpoints import FetchedCheckpoint
from zoo.training_images import TrainingImages

NAME = "ofa/LG-G8_lat-8ms_top1-71.1_finetune-25"


def fetched(path):
    digest = file_sha256(path)
    return FetchedCheckpoint(path, digest, "https://example.org/init", "", digest)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "init"
    torch.save({"state_dict": {n: t * 1.25 for n, t in zoo.load(NAME).module.state_dict().items()}}, path)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for index in range(3):
        Image.fromarray(rng.integers(0, 256, (240, 260, 3), np.uint8)).save(folder / f"{index}.png")
    return folder


def test_bytes_decide_the_artifact_however_they_came(checkpoint):
    card = zoo.card(NAME)
    by_path = stored_under(ConversionRequest(NAME, weights=str(checkpoint)), card)
    released = ConversionRequest(NAME, released=fetched(checkpoint))
    assert stored_under(released, card) == by_path
    assert by_path != stored_under(ConversionRequest(NAME), card)
    assert (released.weights_kind, ConversionRequest(NAME, weights=str(checkpoint)).weights_kind) == (
        "released",
        "file",
    )


def test_images_decide_the_artifact_of_what_is_recalibrated(checkpoint, images):
    def key(name, **changes):
        return stored_under(ConversionRequest(name, released=fetched(checkpoint), **changes), zoo.card(name))

    assert key("alphanet/a0") != key("alphanet/a0", recalibration_images=images)
    assert key(NAME) == key(NAME, recalibration_images=images)


def test_a_released_checkpoint_becomes_a_row_of_released_weights(checkpoint, tmp_path):
    """Converted in the pool's own process; a file of the same bytes then shares the artifact, and stays a file."""
    from harness.artifacts.facts import facts_of_conversion

    released = ConversionRequest(NAME, released=fetched(checkpoint), exporter="torchscript")
    file = dataclasses.replace(released, released=None, weights=str(checkpoint))
    (made,) = convert_many([released], tmp_path)
    assert (made.status, made.reason) == ("ok", "")
    weights = made.artifact.provenance["weights"]
    assert weights["kind"] == "released"
    assert weights["checkpoint"] == {
        "sha256": file_sha256(checkpoint), "url": "https://example.org/init", "tag": ""
    }  # fmt: skip
    assert weights["sha256"] == zoo.load(NAME, checkpoint).weights_sha256()
    assert "recalibrated" not in weights
    assert made.artifact.provenance["models"] == [NAME]
    (shared,) = convert_many([file], tmp_path)
    assert shared.cached
    rows = [facts_of_conversion(one, "onnxruntime") for one in (made, shared)]
    assert [row.weights for row in rows] == ["released", "file"]
    assert [row.checkpoint_url for row in rows] == ["https://example.org/init", ""]
    assert {row.checkpoint_sha256 for row in rows} == {file_sha256(checkpoint)}
    assert {row.implementation for row in rows} == {"package"}


def test_a_checkpoint_of_another_model_is_a_failed_conversion(checkpoint, tmp_path):
    (made,) = convert_many([ConversionRequest("regnet/RegNetX-200MF", weights=str(checkpoint))], tmp_path)
    assert made.status == "failed"
    assert "does not fit regnet/RegNetX-200MF" in made.reason


# Recalibration.


def test_without_images_the_statistics_are_stand_ins_with_a_warning(supernet_file):
    native = zoo.load("alphanet/a0", supernet_file)
    before = native.weights_sha256()
    shown = with_finite_statistics(native)
    assert shown is not native
    assert native.weights_sha256() == before
    assert shown.weights_sha256() not in (before, zoo.load("alphanet/a0").weights_sha256())
    assert shown.weights_sha256() == with_finite_statistics(native).weights_sha256()
    assert weights_facts(shown)["recalibrated"] is None
    (warning,) = weights_warnings(shown)
    assert "accuracy is not; give some (--calibration-images)" in warning


def test_numbers_stay_finite_where_the_supernets_would_not(supernet):
    """Statistics of a training with momentum 0 keep their initial values: means of 0, variances of 1."""
    native = zoo.load("alphanet/a0")
    state = native.module.state_dict()
    for name, tensor in state.items():
        if name.endswith("running_mean"):
            tensor.zero_()
        elif name.endswith("running_var"):
            tensor.fill_(1.0)
        elif tensor.dim() == 4:
            tensor.mul_(100.0)
    native.needs_recalibration = True
    noise = probe.images(192)
    assert not np.isfinite(native.logits(noise)).all()
    assert np.isfinite(with_finite_statistics(native).logits(noise)).all()


def test_a_model_that_needs_no_recalibration_is_left_as_it_is():
    native = zoo.load(NAME)
    assert with_finite_statistics(native) is native
    assert weights_facts(native) == {"kind": "probe", "sha256": native.weights_sha256()}
    assert weights_warnings(native) == []


def test_fewer_images_than_the_releases_give_a_warning(supernet_file, images):
    native = zoo.load("alphanet/a0", supernet_file, calibration_images=images)
    facts = weights_facts(native)
    assert facts["recalibrated"] == TrainingImages.of(images).facts()
    assert weights_warnings(native) == [
        "recalibrated on 1 x 3 training images, where the release takes 64 x 256: give a folder with more"
    ]
    native.recalibrated = {**facts["recalibrated"], "batches": 64, "batch_size": 256}
    assert weights_warnings(native) == []


@pytest.mark.slow
def test_the_artifact_carries_the_recalibration(supernet_file, images, tmp_path):
    request = ConversionRequest(
        "alphanet/a0", released=fetched(supernet_file), recalibration_images=images, exporter="torchscript"
    )
    bare = dataclasses.replace(request, recalibration_images=None)
    made = {one.request: one for one in convert_many([request, bare], tmp_path)}
    assert [one.reason for one in made.values()] == ["", ""]
    provenance = made[request].artifact.provenance
    assert provenance["weights"]["recalibrated"]["images_count"] == 3
    assert len(provenance["warnings"]) == 1
    native = zoo.load("alphanet/a0", supernet_file, calibration_images=images)
    noise = probe.images(192)
    from converters.verify import artifact_logits

    error = probe.relative_l2(artifact_logits(made[request].artifact.path, noise), native.logits(noise))
    assert error < native.card.artifact_tolerance
    without = made[bare].artifact.provenance
    assert without["weights"]["recalibrated"] is None
    assert "accuracy is not" in without["warnings"][0]
