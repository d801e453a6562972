from __future__ import annotations

import importlib.metadata
import sys

import numpy as np
import pytest
from PIL import features

import zoo
from zoo.errors import MissingPackageError
from zoo.preprocessing import Pipeline, libraries_of_crop, libraries_of_input, libraries_text, pipeline

PILLOW = {
    "Pillow": importlib.metadata.version("pillow"),
    "libjpeg-turbo": features.version_feature("libjpeg_turbo"),
}
NUMPY = {"numpy": np.__version__}


def steps(model: str) -> Pipeline:
    card = zoo.card(model)
    return pipeline(card.preprocessing, card.resolution)


@pytest.mark.parametrize(
    ("model", "of_files", "of_pixels"),
    [
        ("gpunet/GPUNet-0", PILLOW, {"Pillow": PILLOW["Pillow"]}),
        ("resnest/resnest50", PILLOW, {"Pillow": PILLOW["Pillow"]}),
        ("regnet/RegNetX-200MF", PILLOW | NUMPY, NUMPY),
        ("efficientnet_x/efficientnet-x-b0", PILLOW | NUMPY, NUMPY),
        ("lanet/LaNet_CIFAR10_128", PILLOW, {}),
        # The normalised crop is resized as a tensor.
        ("alphanet/a0", PILLOW | NUMPY, {"Pillow": PILLOW["Pillow"]} | NUMPY),
    ],
)
def test_only_libraries_that_a_pipeline_runs_count(model, of_files, of_pixels):
    assert libraries_of_input(steps(model), encoded=True) == of_files
    assert libraries_of_input(steps(model), encoded=False) == of_pixels


def test_a_crop_does_not_depend_on_what_is_done_to_its_tensor():
    assert libraries_of_crop(steps("alphanet/a0").resampling, encoded=True) == PILLOW


def test_the_versions_are_those_that_run(pretend_version):
    pretend_version("Pillow", "12.3.0")
    pretend_version("libjpeg-turbo", "3.1.4.1")
    found = libraries_of_input(steps("gpunet/GPUNet-0"), encoded=True)
    assert libraries_text(found) == "Pillow 12.3.0, libjpeg-turbo 3.1.4.1"
    assert libraries_text({}) == "no library: the data set's own pixels"


@pytest.mark.parametrize(("version", "found"), [("9.5", {"libjpeg": "9.5"}), (None, {})])
def test_a_pillow_built_with_another_decoder_or_none(version, found, monkeypatch):
    monkeypatch.setattr(features, "check_feature", lambda feature: False)
    monkeypatch.setattr(features, "version_codec", lambda codec: version)
    assert libraries_of_crop(steps("gpunet/GPUNet-0").resampling, encoded=True) == {"Pillow": PILLOW["Pillow"]} | found


def test_pillow_is_missed_only_where_it_is_used(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    assert libraries_of_input(steps("regnet/RegNetX-200MF"), encoded=False) == NUMPY
    with pytest.raises(MissingPackageError, match="needs Pillow"):
        libraries_of_input(steps("regnet/RegNetX-200MF"), encoded=True)
