"""--timm and --torchvision: networks of libraries wherever models are selected."""

from __future__ import annotations

import argparse

import pytest

from harness.artifacts.request import ArtifactRequest
from harness.commands.options.models import LIBRARIES, ModelOptions, of_library
from harness.errors import HarnessError
from zoo.libraries import SOURCES

pytest.importorskip("timm")


def read(*options: str) -> ModelOptions:
    parser = argparse.ArgumentParser()
    ModelOptions.add(parser)
    return ModelOptions.read(parser.parse_args(options))


def test_networks_of_libraries_are_selected_beside_those_of_the_zoo() -> None:
    options = read(
        *("--models", "fbnet/fbnet_a", "--timm", "test_vit, test_resnet", "--timm", "mobilenetv4*"),
        *("--torchvision", "torchvision/alexnet", "--model", "a:b"),
    )
    assert options.models == (
        *("fbnet/fbnet_a", "timm/test_vit", "timm/test_resnet", "timm/mobilenetv4*", "torchvision/alexnet"),
    )
    assert options.own_models == ("a:b",)


def test_the_options_are_the_libraries_of_the_zoo() -> None:
    assert LIBRARIES == SOURCES


def test_a_name_is_not_given_its_library_twice() -> None:
    assert of_library("timm", "timm/test_vit,test_vit2") == ["timm/test_vit", "timm/test_vit2"]
    assert of_library("timm", ()) == []


def test_each_network_is_a_conversion_with_its_card() -> None:
    request = ArtifactRequest(models=("fbnet/fbnet_a", "timm/test_vit*"), weights="released")
    request.check()
    of_the_zoo, *of_timm = request.conversions()
    assert (of_the_zoo.model, of_the_zoo.library_card) == ("fbnet/fbnet_a", None)
    assert [one.model for one in of_timm] == ["timm/test_vit", "timm/test_vit2", "timm/test_vit3", "timm/test_vit4"]
    for one in of_timm:
        assert one.weights == "released"
        assert one.card().name == one.model
        assert not one.is_own


def test_an_unknown_network_is_a_bad_request_with_the_nearest_names() -> None:
    with pytest.raises(HarnessError, match="unknown model 'test_vitt' in timm; nearest: test_vit,"):
        ArtifactRequest(models=("timm/test_vitt",)).check()


def test_what_has_no_original_code_is_not_asked_for_it() -> None:
    with pytest.raises(HarnessError, match="--implementation release: no original code is known for source 'timm'"):
        ArtifactRequest(models=("timm/test_vit",), implementation="release").check()


def test_nothing_at_all_names_the_options() -> None:
    with pytest.raises(HarnessError, match="give --models, --timm, --torchvision, --model or --onnx"):
        ArtifactRequest().check()


def test_the_size_of_a_librarys_network_is_not_an_option() -> None:
    with pytest.raises(HarnessError, match="--resolution 96: timm/test_vit takes images of 160 pixels"):
        ArtifactRequest(models=("timm/test_vit",), resolution=96).check()
    ArtifactRequest(models=("timm/test_vit",), own_models=("a:b",), resolution=96).check()
