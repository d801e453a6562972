"""Commits and addresses in the cards: well-formed, and distinct where a repetition would be a copying mistake."""

from __future__ import annotations

import collections
import re
from urllib.parse import parse_qs, urlsplit

import pytest

import zoo
from zoo.releases.pins import all_sources

CARDS = zoo.cards()
WITH_WEIGHTS = [card for card in CARDS if card.checkpoint.url]
ONE_FILE_FOR_ALL = {"alphanet"}
"""Sources that release one supernet, from which every model is cut."""
WITHOUT_WEIGHTS = {"efficientnet_x"}
UNNAMED_HOSTS = {"api.ngc.nvidia.com", "drive.google.com"}
"""Hosts whose addresses do not end in the name of a file."""


def by_name(cards):
    return pytest.mark.parametrize("card", cards, ids=lambda card: card.name)


@pytest.mark.parametrize("source", sorted({card.source for card in CARDS}))
def test_a_source_names_one_commit_of_one_repository(source):
    releases = {card.release for card in CARDS if card.source == source}
    assert len(releases) == 1
    (release,) = releases
    assert re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+(?<!\.git)", release.repository)
    assert re.fullmatch(r"[0-9a-f]{40}", release.commit)
    assert all(re.fullmatch(r"https://arxiv\.org/abs/\d{4}\.\d{5}", paper) for paper in release.paper.split(", "))


def test_no_two_sources_share_a_repository_a_commit_or_a_paper():
    releases = {card.release for card in CARDS}
    for fact in ("source", "title", "repository", "commit", "paper"):
        assert len({getattr(release, fact) for release in releases}) == len(releases), fact


@pytest.mark.parametrize("source", sorted({card.source for card in CARDS}))
def test_the_original_code_is_of_the_commit_that_the_facts_were_read_from(source):
    (release,) = {card.release for card in CARDS if card.source == source}
    first = all_sources()[source].pins[0]
    assert (first.repository, first.commit) == (release.repository, release.commit)


def test_only_the_sources_without_weights_have_no_address():
    assert {card.source for card in CARDS if not card.checkpoint.url} == WITHOUT_WEIGHTS


@by_name(WITH_WEIGHTS)
def test_an_address_is_one_that_can_be_fetched(card):
    parts = urlsplit(card.checkpoint.url)
    assert parts.scheme == "https"
    assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.netloc)
    assert re.fullmatch(r"(/[\w.@-]+)+", parts.path)
    assert parts.fragment == ""
    assert set(parse_qs(parts.query, strict_parsing=bool(parts.query))) <= {"usp"}


def test_models_share_weights_only_where_all_are_cut_out_of_one_network():
    owners = collections.defaultdict(list)
    for card in WITH_WEIGHTS:
        owners[card.checkpoint.url].append(card)
    for url, cards in owners.items():
        (source,) = {card.source for card in cards}
        alone = source not in ONE_FILE_FOR_ALL
        assert len(cards) == (1 if alone else sum(card.source == source for card in CARDS)), url


def _name_at_timm(card):
    """Architecture and tag in a repository on the Hub; in a file the first part of the tag, except for the plainest."""
    architecture, tag = card.architecture["name"], card.checkpoint.tag
    if card.checkpoint.url.startswith("https://huggingface.co/"):
        return f"{architecture}.{tag}"
    recipe = tag.partition("_")[0]
    return architecture if recipe in ("in1k", "ft") else f"{architecture}_{recipe}"


@by_name([card for card in WITH_WEIGHTS if urlsplit(card.checkpoint.url).netloc not in UNNAMED_HOSTS])
def test_an_address_names_its_model(card):
    """By the folder or the file at its end, up to what a release appends."""
    name = card.variant
    if card.source == "efficientnet":
        name = _name_at_timm(card)
    parts = urlsplit(card.checkpoint.url).path.split("/")[-2:]
    # Not a longer name, as efficientnet_b0 in tf_efficientnet_b0, or fbnet_a in fbnet_ase.
    assert any(re.match(rf"{re.escape(name)}($|[-_.])", part) for part in parts)


@by_name(WITH_WEIGHTS)
def test_stated_digits_of_the_digest_are_those_in_the_file_name(card):
    stated = card.checkpoint.sha256_prefix
    in_name = re.search(r"-([0-9a-f]{8})\.pth$", card.checkpoint.url)
    assert stated == (in_name[1] if in_name else "")


@by_name([card for card in CARDS if card.checkpoint.archive_member])
def test_a_member_of_an_archive_is_a_relative_path_below_it(card):
    parts = card.checkpoint.archive_member.split("/")
    assert all(re.fullmatch(r"[\w.-]+", part) and part.strip(".") for part in parts)
