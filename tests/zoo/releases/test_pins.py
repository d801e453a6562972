from __future__ import annotations

import pytest

import zoo
from zoo.errors import CatalogError, ReleaseError
from zoo.releases.drivers import driver
from zoo.releases.pins import all_sources, pins_of, read_sources, release_source

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_every_source_of_the_zoo_has_original_code_at_the_commit_of_its_cards():
    cards = {card.source: card for card in zoo.cards()}
    assert set(all_sources()) == set(cards)
    for source in all_sources().values():
        release = cards[source.source].release
        assert source.pins[0].repository == release.repository
        assert source.pins[0].commit == release.commit


@pytest.mark.parametrize("source", all_sources())
def test_a_source_has_a_driver_that_imports_without_its_original_code(source):
    assert callable(driver(source).build)


def test_a_source_without_a_driver_is_reported():
    with pytest.raises(ReleaseError, match="'nobody' has no driver"):
        driver("nobody")


def test_an_unknown_source_is_answered_with_the_known_ones():
    with pytest.raises(ReleaseError, match=r"'gpunets'; known: alphanet, .*gpunet"):
        release_source("gpunets")


def test_pins_are_listed_once_whatever_the_number_of_sources():
    assert len(pins_of(["fbnet", "fbnet"])) == 2
    assert pins_of([]) == pins_of(list(all_sources()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "TOMLDecodeError"),
        ("[sources.a]\ncheckouts = []", "KeyError: 'checkouts'"),
        ("[checkouts.b]\nrepository = 'r'\nfolders = []\n[sources.a]\ncheckouts = ['b']", "checkout b: needs.*commit"),
        (
            "[checkouts.b]\nrepository = 'r'\ncommit = 'abc'\nfolders = []\n[sources.a]\ncheckouts = ['b']",
            "'abc' is not a full commit id",
        ),
        (
            f"[checkouts.b]\nrepository = 'r'\ncommit = '{COMMIT}'\nfolders = []\n[sources.a]\ncheckouts = ['c']",
            "KeyError: 'c'",
        ),
    ],
)
def test_data_that_cannot_be_read_is_refused(text, message):
    with pytest.raises(CatalogError, match=message):
        read_sources(text)
