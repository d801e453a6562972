"""The combinations of a request, and what each of them keeps of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.artifacts.request import ArtifactRequest
from harness.artifacts.variants import variant_text, variants
from harness.errors import HarnessError
from harness.runs.request import RunRequest

BACKENDS = {"backend": ("onnxruntime", "openvino")}
BOTH = {**BACKENDS, "precision": ("fp32", "int8")}


def test_nothing_varied_is_the_request_itself() -> None:
    wanted = ArtifactRequest(models=("smoke",))
    assert variants(wanted, {}) == (wanted,)


def test_each_backend_has_each_precision() -> None:
    found = variants(ArtifactRequest(models=("smoke",)), BOTH)
    assert [(one.backend, one.precision, one.file_precision, one.scheme) for one in found] == [
        ("onnxruntime", "fp32", "fp32", "onnxruntime"),
        ("onnxruntime", "int8", "int8", "onnxruntime"),
        ("openvino", "fp32", "fp32", "tensorrt"),
        ("openvino", "int8", "int8", "tensorrt"),
    ]


def test_files_keep_their_own_precision_if_only_backends_vary() -> None:
    assert {one.file_precision for one in variants(ArtifactRequest(), BACKENDS)} == {""}


def test_only_int8_is_calibrated(tmp_path: Path) -> None:
    wanted = ArtifactRequest(models=("fbnet/fbnet_a",), calibration_images=tmp_path, calibration_count=3)
    found = variants(wanted, {"precision": ("fp32", "int8")})
    assert [(one.calibration_images, one.calibration_count) for one in found] == [(None, None), (tmp_path, 3)]
    found[0].check()


def test_images_without_int8_are_still_refused(tmp_path: Path) -> None:
    wanted = ArtifactRequest(models=("fbnet/fbnet_a",), calibration_images=tmp_path)
    with pytest.raises(HarnessError, match="nothing here is calibrated"):
        RunRequest(wanted, varied={"precision": ("fp32", "fp16")}).check()


def test_weights_that_are_recalibrated_keep_their_images(tmp_path: Path) -> None:
    wanted = ArtifactRequest(models=("alphanet/a0",), weights="released", calibration_images=tmp_path)
    found = variants(wanted, {"precision": ("fp32", "int8")})
    assert [one.calibration_images for one in found] == [tmp_path, tmp_path]


def test_conversions_are_the_same_where_only_the_backend_differs() -> None:
    first, int8, second, other_int8 = (one.conversions() for one in variants(ArtifactRequest(models=("smoke",)), BOTH))
    assert first == second
    assert first != int8
    assert int8 != other_int8


def test_the_text_names_what_varies() -> None:
    values = ArtifactRequest(backend="openvino", precision="int8")
    assert variant_text(values, ("precision", "backend")) == "openvino, int8"
    assert variant_text(values, ("precision",)) == "int8"
    assert variant_text(values, ()) == ""


def test_settings_name_all_that_is_measured() -> None:
    settings = RunRequest(ArtifactRequest(models=("smoke",)), varied=BOTH).settings()
    assert (settings["backend"], settings["precision"]) == ("onnxruntime,openvino", "fp32,int8")
    alone = RunRequest(ArtifactRequest(models=("smoke",))).settings()
    assert (alone["backend"], alone["precision"]) == ("onnxruntime", "fp32")
    assert set(settings) == set(alone)
