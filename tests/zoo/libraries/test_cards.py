"""The cards of timm's and torchvision's networks: what the installed packages state, selected by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

import zoo
from zoo import libraries
from zoo.catalog.reader import all_cards
from zoo.errors import MissingPackageError, UnknownModelError, ZooError
from zoo.libraries import listing

timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")


def test_a_network_of_timm_has_the_facts_of_its_pretrained_cfg() -> None:
    card = zoo.card("timm/mobilenetv4_conv_small")
    facts = timm.get_pretrained_cfg("mobilenetv4_conv_small")
    assert card.name == "timm/mobilenetv4_conv_small"
    assert (card.resolution, card.classes) == (facts.input_size[-1], facts.num_classes)
    assert card.release.package == f"timm=={timm.__version__}"
    assert card.checkpoint.url == f"https://huggingface.co/{facts.hf_hub_id}"
    assert card.checkpoint.tag == facts.tag


def test_a_tag_means_certain_weights_and_no_tag_the_librarys_default() -> None:
    names = [card.name for card in zoo.cards("timm/resnet18,timm/resnet18.a*_in1k")]
    assert names[0] == "timm/resnet18"
    assert names[1:] == [f"timm/{name}" for name in timm.list_models("resnet18.a*_in1k", pretrained=True)]
    assert len(names) > 2
    plain, tagged = zoo.cards("torchvision/vit_b_16,torchvision/vit_b_16.IMAGENET1K_SWAG_E2E_V1")
    assert (plain.resolution, plain.checkpoint.tag) == (224, "IMAGENET1K_V1")
    assert (tagged.resolution, tagged.preprocessing.resize_px) == (384, 384)


def test_torchvisions_accuracy_is_that_of_its_own_table() -> None:
    weights = torchvision.models.get_model_weights("mobilenet_v3_large")
    for name, one in (
        ("mobilenet_v3_large", weights.DEFAULT),
        ("mobilenet_v3_large.IMAGENET1K_V1", weights["IMAGENET1K_V1"]),
    ):
        published = zoo.card(f"torchvision/{name}").published
        stated = one.meta["_metrics"]["ImageNet-1K"]
        assert (published.top1_percent, published.top5_percent) == (stated["acc@1"], stated["acc@5"])
        assert one.name in published.stated_in


def test_weights_without_an_accuracy_have_none() -> None:
    assert zoo.card("torchvision/vgg16.IMAGENET1K_FEATURES").published.top1_percent is None
    published = zoo.card("timm/resnet18").published
    assert published.top1_percent is None
    assert "no table of results" in published.stated_in


def test_a_digest_in_a_files_name_is_the_releases() -> None:
    card = zoo.card("torchvision/mobilenet_v3_small")
    assert card.checkpoint.sha256_prefix
    assert f"-{card.checkpoint.sha256_prefix}." in card.checkpoint.url


def test_a_glob_selects_the_librarys_own_names_and_leaves_the_zoo_alone() -> None:
    wanted = timm.list_models("mobilenetv4*")
    assert zoo.list_models("timm/mobilenetv4*") == [f"timm/{name}" for name in wanted]
    assert not any(card.source in libraries.SOURCES for card in zoo.cards("all"))
    assert not {card.source for card in all_cards().values()} & set(libraries.SOURCES)
    mixed = zoo.list_models(["timm/test_vit", "fbnet/fbnet_a", "torchvision/alexnet"])
    assert mixed == ["fbnet/fbnet_a", "timm/test_vit", "torchvision/alexnet"]


def test_the_name_of_a_library_selects_all_of_it() -> None:
    assert len(zoo.cards("torchvision")) == len(torchvision.models.list_models(module=torchvision.models))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "timm/mobilenetv4_conv_smal",
            "unknown model 'mobilenetv4_conv_smal' in timm; nearest: mobilenetv4_conv_small,",
        ),
        ("timm/test_vit.r16_in1k", r"nearest: test_vit\.r160_in1k"),
        ("torchvision/resnet5", "nearest: resnet50"),
        ("torchvision/no_such_*", r"no model matches 'no_such_\*' in torchvision"),
    ],
)
def test_an_unknown_name_offers_the_nearest_ones(pattern: str, message: str) -> None:
    with pytest.raises(UnknownModelError, match=message):
        zoo.cards(pattern)


def test_a_process_of_its_own_gives_the_same_cards_and_the_same_refusals() -> None:
    patterns = ("torchvision/regnet_y_16gf.*", "torchvision/googlenet")
    assert listing.selected_elsewhere("torchvision", patterns) == listing.selected("torchvision", patterns)
    with pytest.raises(UnknownModelError, match="nearest: resnet50"):
        listing.selected_elsewhere("torchvision", ("torchvision/resnet5",))


def test_reading_cards_does_not_bring_the_framework_into_this_process() -> None:
    code = "import sys, zoo; print(zoo.card('torchvision/alexnet').classes, 'torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["1000", "False"]


def test_a_library_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, listing.MODULES["timm"], None)
    with pytest.raises(MissingPackageError, match=r"pip install 'baseline-zoo\[timm\]'"):
        listing.selected("timm", ("timm/resnet18",))


def test_a_process_that_leaves_no_answer_is_an_error_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "__name__", "zoo.no_such_module")
    with pytest.raises(ZooError, match=r"cannot be read here.*no_such_module"):
        listing.selected_elsewhere("timm", ("timm/resnet18",))
