"""Reads catalog/*.toml into cards; refuses keys it does not know and facts that are missing."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

from foundation.digests import json_sha256
from foundation.published_latency import PublishedLatency
from zoo.card import Checkpoint, ModelCard, Preprocessing, Published, Release, Search, Training
from zoo.errors import CatalogError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

_PARTS = {"preprocessing": Preprocessing, "published": Published, "checkpoint": Checkpoint, "training": Training}


def _record(kind: type[T], facts: Mapping[str, Any], where: str) -> T:
    """A dataclass from a table; optional facts may be left out, others may not."""
    needed, absent, defaulted = _names(kind)
    unknown = sorted(facts.keys() - needed - absent - defaulted)
    missing = sorted(needed - facts.keys())
    if unknown or missing:
        raise CatalogError(f"{where}: unknown keys {unknown}, missing keys {missing}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
    return kind(**{**dict.fromkeys(absent), **values})


@functools.cache
def _names(kind: type[DataclassInstance]) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Names of a record's facts: those it needs, those that are None if left out, and those with a default."""
    fields = dataclasses.fields(kind)
    defaulted = frozenset(field.name for field in fields if field.default is not dataclasses.MISSING)
    absent = frozenset(field.name for field in fields if "None" in str(field.type)) - defaulted
    return frozenset(field.name for field in fields) - absent - defaulted, absent, defaulted


def _card(release: Release, shared: Mapping[str, Any], variant: str, facts: dict[str, Any]) -> ModelCard:
    where = f"{release.source}/{variant}"
    parts: dict[str, Any] = {
        name: _record(kind, {**shared.get(name, {}), **facts.pop(name, {})}, f"{where} {name}")
        for name, kind in _PARTS.items()
    }
    # What the models of a source share of a search or of a latency says nothing about a model that has none.
    if "search" in facts:
        parts["search"] = _record(Search, {**shared.get("search", {}), **facts.pop("search")}, f"{where} search")
    parts["latencies"] = tuple(
        _record(PublishedLatency, {**shared.get("latency", {}), **one}, f"{where} latency")
        for one in facts.pop("latencies", ())
    )
    architecture = {**shared.get("architecture", {}), **facts.pop("architecture", {})} or {"name": variant}
    return _record(
        ModelCard,
        {"release": release, "variant": variant, "architecture": architecture, **parts, **facts},
        where,
    )


def read_cards(source: str, text: str) -> list[ModelCard]:
    """The cards of one catalogue file.

    Args:
        source: the source's short name.
        text: the TOML.

    Raises:
        CatalogError: not TOML, a key that no card has, or a fact that is missing.
    """
    try:
        data = tomllib.loads(text)
        release = _record(Release, {"source": source, **data["release"]}, f"{source} release")
        models, shared = data["models"], data.get("shared", {})
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise CatalogError(f"{source}.toml: {error}") from error
    return [_card(release, shared, variant, dict(facts)) for variant, facts in models.items()]


@functools.cache
def all_cards() -> Mapping[str, ModelCard]:
    """Every card of the catalogue by full name, sources in alphabetical order."""
    cards: dict[str, ModelCard] = {}
    folder = resources.files("zoo.catalog")
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            for card in read_cards(file.name.removesuffix(".toml"), file.read_text(encoding="utf-8")):
                cards[card.name] = card
    return cards


@functools.cache
def _cards_by_network() -> Mapping[str, tuple[ModelCard, ...]]:
    networks: dict[str, tuple[ModelCard, ...]] = {}
    for card in all_cards().values():
        key = json_sha256(card.network_facts())
        networks[key] = (*networks.get(key, ()), card)
    return networks


def same_network(card: ModelCard) -> tuple[ModelCard, ...]:
    """The catalogue's cards of exactly this network, in its order; empty if the catalogue does not have the network.

    They differ in their weights, and in what belongs to the weights: training, accuracy and preprocessing.
    """
    return _cards_by_network().get(json_sha256(card.network_facts()), ())


def preprocessing_of(facts: Mapping[str, Any], where: str) -> Preprocessing:
    """A card's preprocessing from a table of one's own.

    Args:
        facts: as in a catalogue file; `stated_in` may be left out.
        where: the file, for messages.

    Raises:
        CatalogError: a key that no card has, or a fact that is missing.
    """
    return _record(Preprocessing, {"stated_in": where, **facts}, where)
