from __future__ import annotations

import collections
import re

import pytest

import zoo
from tests.fakes.catalog import MINIMAL_TOML
from zoo.catalog.reader import read_cards, same_network
from zoo.errors import CatalogError
from zoo.recorded import recorded

CARDS = zoo.cards("efficientnet,ofa,regnet,resnest")


def test_every_released_model_of_the_four_packages_has_a_card():
    counts = collections.Counter(card.source for card in CARDS)
    assert counts == {"efficientnet": 40, "ofa": 50, "regnet": 24, "resnest": 11}


@pytest.mark.parametrize("source", sorted({card.source for card in zoo.cards()}))
def test_cards_state_what_the_originals_count(source):
    """Parameters, multiply-adds and signature of the original code, if they are recorded."""
    assert recorded(source)
    for variant, facts in recorded(source).items():
        card = zoo.card(f"{source}/{variant}")
        assert (card.parameters, card.macs, card.signature_sha256, card.probe_variance_scale) == (
            facts["parameters"],
            facts["macs"],
            facts["signature_sha256"],
            facts["variance_scale"],
        ), card.name


@pytest.mark.parametrize("card", zoo.cards(), ids=lambda card: card.name)
def test_a_card_states_the_training_of_its_weights_and_where_that_is_stated(card):
    training = card.training
    assert training.data
    assert re.search(r"\.\w|//", training.stated_in), "no file and no address"
    for data in filter(None, (training.extra_data, training.teacher_extra_data)):
        assert re.search(r"\((un)?labelled", data)
    assert training.epochs is None or training.epochs > 0
    assert training.resolution_px is None or 16 <= training.resolution_px <= 1024


def test_cards_of_one_network_state_the_same_of_it():
    for card in zoo.cards():
        sharing = same_network(card)
        assert card in sharing
        facts = {(one.parameters, one.macs, one.signature_sha256, one.artifact_tolerance) for one in sharing}
        assert len(facts) == 1, card.name


def test_a_network_that_the_catalogue_lacks_has_no_cards():
    (card,) = read_cards("mine", MINIMAL_TOML)
    assert same_network(card) == ()


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_facts_are_complete_and_plausible(card):
    assert card.preprocessing.crop_px == card.resolution
    assert card.preprocessing.rule in ("resize_then_crop", "crop_then_resize", "squash")
    assert (card.preprocessing.resize_px is not None) == (card.preprocessing.rule == "resize_then_crop")
    assert (card.preprocessing.crop_fraction is not None) == (card.preprocessing.rule == "crop_then_resize")
    assert card.preprocessing.channel_order == ("BGR" if card.source == "regnet" else "RGB")
    assert card.published.top1_percent is not None
    assert 68 < card.published.top1_percent < 90
    assert card.published.stated_in
    assert card.checkpoint.url.startswith("https://")
    assert card.release.licence in ("Apache-2.0", "MIT")
    assert "==" in card.release.package


@pytest.mark.parametrize("card", [c for c in CARDS if c.published.macs_millions], ids=lambda card: card.name)
def test_published_multiply_adds_agree_with_the_counted(card):
    """The releases round to 0.1 G (pycls) or to 1 M (OFA)."""
    allowed = 51 if card.source == "regnet" else 1
    assert card.macs / 1e6 == pytest.approx(card.published.macs_millions, abs=allowed)


@pytest.mark.parametrize("card", [c for c in CARDS if c.published.parameters_millions], ids=lambda card: card.name)
def test_published_parameters_agree_with_the_counted(card):
    assert card.parameters / 1e6 == pytest.approx(card.published.parameters_millions, abs=0.051)


def test_a_minimal_file_gives_a_card_with_the_facts_left_out_as_none():
    (card,) = read_cards("mine", MINIMAL_TOML)
    assert card.name == "mine/one"
    assert card.published.top1_percent is None
    assert card.architecture == {"name": "one"}


def test_a_shared_architecture_applies_except_for_a_models_own_facts():
    shared = '[shared.architecture]\nstages = ["a"]\nwidth = 1\n[models.one]\narchitecture = { width = 2 }\n'
    (card,) = read_cards("mine", MINIMAL_TOML.replace("[models.one]\n", shared))
    assert card.architecture == {"stages": ["a"], "width": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL_TOML.replace("macs = 1", "flops = 1"), r"unknown keys \['flops'\], missing keys \['macs'\]"),
        (MINIMAL_TOML.replace('licence = "MIT"\n', ""), "missing keys"),
        ("[release", "mine.toml"),
        ("[models.one]", "release"),
    ],
)
def test_a_wrong_file_is_refused_by_name(text, message):
    with pytest.raises(CatalogError, match=message):
        read_cards("mine", text)


def test_the_digest_of_a_card_follows_its_facts():
    (card,) = read_cards("mine", MINIMAL_TOML)
    (same,) = read_cards("mine", MINIMAL_TOML)
    (other,) = read_cards("mine", MINIMAL_TOML.replace("classes = 2", "classes = 3"))
    assert card.digest == same.digest != other.digest
