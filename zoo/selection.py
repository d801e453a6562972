"""Selects models by name, glob, source or suite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from foundation import selection
from foundation.selection import Selectable
from zoo.card import ModelCard
from zoo.errors import UnknownModelError

MOBILE_MACS = 600_000_000
"""The mobile regime of the NAS literature: at most 600 M multiply-adds (NASNet, arXiv 1707.07012)."""


def _smallest_of_each_source(cards: Sequence[ModelCard]) -> list[ModelCard]:
    smallest: dict[str, ModelCard] = {}
    for card in cards:
        if card.source not in smallest or card.macs < smallest[card.source].macs:
            smallest[card.source] = card
    return list(smallest.values())


SUITES: Mapping[str, tuple[str, Callable[[Sequence[ModelCard]], list[ModelCard]]]] = {
    "all": ("every model", list),
    "mobile": (
        "models of at most 600 M multiply-adds",
        lambda cards: [c for c in cards if c.macs <= MOBILE_MACS],
    ),
    "smoke": ("the smallest model of each source", _smallest_of_each_source),
}
"""Named selections: description and rule."""


def suites_of(name: str, cards: Mapping[str, ModelCard]) -> list[str]:
    """Names of the suites that contain a model; none if it is not in the catalogue."""
    return [suite for suite, members in _members(cards).items() if name in members]


def _members(cards: Mapping[str, ModelCard]) -> dict[str, set[str]]:
    """Names of the models of each suite."""
    pool = list(cards.values())
    return {suite: {card.name for card in rule(pool)} for suite, (_, rule) in SUITES.items()}


def select(patterns: str | Iterable[str], cards: Mapping[str, ModelCard]) -> list[ModelCard]:
    """The cards that any of `patterns` selects, each once, in catalogue order.

    Args:
        patterns: names, globs, sources or suites; one string may hold several, separated by commas
            (`foundation.selection`).
        cards: the catalogue.

    Raises:
        UnknownModelError: a pattern selects nothing; the message offers the nearest names.
    """
    members = _members(cards)
    models = [
        Selectable(card.name, frozenset(suite for suite, names in members.items() if card.name in names))
        for card in cards.values()
    ]
    try:
        chosen = set(selection.select(patterns, models, advice="`python -m harness list` shows all names"))
    except selection.SelectionError as error:
        raise UnknownModelError(str(error)) from error
    return [card for card in cards.values() if card.name in chosen]
