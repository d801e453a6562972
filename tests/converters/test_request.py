from __future__ import annotations

import dataclasses
import shutil
from importlib import resources

import pytest

import zoo
from converters import request as requests
from converters.request import (
    ConversionRequest,
    PrecisionOptions,
    artifact_preprocessing,
    sharing_models,
    stored_under,
)
from foundation.vocabulary import FILE, PROBE

TWINS = ("ofa/tx2_gpu16-80ms_top1-75.4_finetune-25", "ofa/v100_gpu64-9ms_top1-75.3_finetune-25")


TAGS = [card.name for card in zoo.cards("tf_efficientnet_b0,tf_efficientnet_b0.*")]


def key(name, **changes):
    return stored_under(ConversionRequest(name, **changes), zoo.card(name))


def test_ids_that_share_one_network_share_one_artifact_under_the_probe():
    first, second = TWINS
    assert key(first) == key(second)
    assert set(TWINS) <= set(sharing_models(zoo.card(first)))


def test_tags_of_one_network_share_one_artifact_under_the_probe_whatever_their_preprocessing():
    cards = [zoo.card(name) for name in TAGS]
    assert [card.preprocessing.mean[0] for card in cards] == [0.485, 0.485, 0.5, 0.485]
    assert len({key(name) for name in TAGS}) == 1
    assert all(sharing_models(card) == TAGS for card in cards)


def test_other_weights_are_stored_with_their_own_preprocessing(tmp_path):
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_bytes(b"1")
    first, _, adversarial, noisy = (key(name, weights=str(checkpoint)) for name in TAGS)
    assert first == noisy != adversarial


def test_weights_that_a_caller_loaded_are_not_the_probes():
    """The request that stands for a loaded model says nothing of its weights."""
    card = zoo.card(TAGS[2])
    assert stored_under(ConversionRequest(card.name), card, PROBE) == key(TAGS[0])
    assert stored_under(ConversionRequest(card.name), card, FILE) != key(TAGS[0])


def test_a_network_that_the_catalogue_lacks_keeps_its_own_preprocessing():
    changed = dataclasses.replace(zoo.card(TAGS[2]), resolution=192)
    assert sharing_models(changed) == []
    assert artifact_preprocessing(changed, PROBE) == changed.preprocessing


def test_the_same_network_at_another_resolution_is_another_artifact():
    assert key(TWINS[0]) != key("ofa/v100_gpu64-5ms_top1-71.6_finetune-25")
    assert key("efficientnet/efficientnet_b1") != key("efficientnet/efficientnet_b1.ft_in1k")


@pytest.mark.parametrize("change", [{"opset": 17}, {"batch": 2}, {"exporter": "torchscript"}])
def test_what_changes_the_graph_changes_the_key(change):
    assert key(TWINS[0]) != key(TWINS[0], **change)


def test_every_precision_is_made_from_one_fp32_artifact():
    half = ConversionRequest(TWINS[0], precision="fp16", options=PrecisionOptions(float16_io=True))
    assert half.in_fp32() == ConversionRequest(TWINS[0])
    assert stored_under(half, zoo.card(TWINS[0])) == key(TWINS[0])


def test_another_exporter_version_changes_the_key(monkeypatch):
    before = key(TWINS[0])
    monkeypatch.setattr(requests, "installed_versions", lambda packages: dict.fromkeys(packages, "9.9"))
    assert key(TWINS[0]) != before


def test_any_change_of_an_own_definition_changes_the_key(tmp_path, monkeypatch):
    """A change of any of its files: an adapter and its architecture have the same name."""
    packages = ("zoo.architectures", "zoo.adapters")
    for package in packages:
        shutil.copytree(str(resources.files(package)), tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(requests.resources, "files", lambda package: tmp_path / package)
    files = sorted(tmp_path.rglob("*.py"))
    assert {path.parent.name for path in files if path.name == "gpunet.py"} == set(packages)
    before = key("gpunet/GPUNet-0")
    for path in files:
        text = path.read_text("utf-8")
        path.write_text(text + "# changed", "utf-8")
        assert key("gpunet/GPUNet-0") != before, path
        path.write_text(text, "utf-8")
    assert key("gpunet/GPUNet-0") == before


def test_published_figures_do_not_change_the_key():
    card = zoo.card(TWINS[0])
    better = dataclasses.replace(card, published=dataclasses.replace(card.published, top1_percent=99.0))
    assert stored_under(ConversionRequest(card.name), better) == key(card.name)


def test_a_checkpoint_is_known_by_its_bytes(tmp_path):
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path, content in zip(paths, (b"1", b"1", b"2"), strict=True):
        path.write_bytes(content)
    a, b, c = (key(TWINS[0], weights=str(path)) for path in paths)
    assert a == b != c
    assert a != key(TWINS[0])


def test_a_user_model_has_no_key_before_it_is_built():
    assert stored_under(ConversionRequest("module:function"), zoo.card(TWINS[0])) is None


def test_a_tensorflow_network_has_one_exporter_and_one_opset():
    """Whatever is requested of PyTorch's exporters, which other rows of the same run use."""
    card = zoo.card("efficientnet-x-b0")
    asked = [ConversionRequest(card.name), ConversionRequest(card.name, exporter="torchscript", opset=20)]
    done = {request.resolved(card) for request in asked}
    assert {(request.exporter, request.opset) for request in done} == {("tf2onnx", 17)}
    assert len({stored_under(request, card) for request in asked}) == 1
    assert {"tensorflow", "tf2onnx"} <= set(done.pop().exporter_versions())
    assert asked[1].resolved(zoo.card(TWINS[0])) is asked[1]


def test_networks_that_differ_in_their_scope_alone_are_not_one():
    """The probe depends on the variables' names, which begin with the scope."""
    assert len({key(f"efficientnet-x{device}-b0") for device in ("", "-tpu", "-gpu")}) == 3


def test_an_absent_package_has_a_version_too():
    assert requests.installed_versions(("surely-not-installed",)) == {"surely-not-installed": "absent"}


def test_original_code_is_known_by_its_commits_and_drivers(tmp_path, monkeypatch):
    name = "fbnet/fbnet_a"
    own, release = key(name), key(name, implementation="release")
    assert own != release
    pins = requests.release_source("fbnet").pins
    moved = dataclasses.replace(requests.release_source("fbnet"), pins=(pins[0],))
    with monkeypatch.context() as patch:
        patch.setattr(requests, "release_source", lambda _: moved)
        assert key(name, implementation="release") not in (own, release)
    shutil.copytree(str(resources.files("zoo.releases.drivers")), tmp_path / "zoo.releases.drivers")
    (tmp_path / "zoo.releases.drivers" / "fbnet.py").write_text("# changed", "utf-8")
    monkeypatch.setattr(requests.resources, "files", lambda package: tmp_path / package)
    assert key(name, implementation="release") not in (own, release)


def test_a_network_of_a_library_is_stored_under_its_version_and_preprocessing(monkeypatch):
    pytest.importorskip("torchvision")
    card = zoo.card("torchvision/alexnet")
    request = ConversionRequest(card.name, library_card=card)
    stored = stored_under(request, card)
    assert stored == key(card.name)
    assert sharing_models(card) == [card.name]
    assert artifact_preprocessing(card, PROBE) == card.preprocessing
    assert stored != key("torchvision/vgg11")
    found = requests.installed_versions
    other = {"torchvision": "0.1.0"}
    monkeypatch.setattr(requests, "installed_versions", lambda names: {**found(names), **other})
    assert stored_under(request, card) != stored
