"""Selects models by name, glob, source or suite."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence

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


def _matches(pattern: str, card: ModelCard) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), pattern) for name in (card.name, card.variant))


def _select_one(pattern: str, cards: Sequence[ModelCard]) -> list[ModelCard]:
    wanted = pattern.lower()
    if wanted in SUITES:
        return SUITES[wanted][1](cards)
    return [card for card in cards if card.source == wanted or _matches(wanted, card)]


def suites_of(name: str, cards: Mapping[str, ModelCard]) -> list[str]:
    """Names of the suites that a model is in; none where it is not in the catalogue."""
    pool = list(cards.values())
    return [suite for suite, (_, rule) in SUITES.items() if any(card.name == name for card in rule(pool))]


def _nothing(pattern: str, cards: Sequence[ModelCard]) -> UnknownModelError:
    if any(character in pattern for character in "*?["):
        return UnknownModelError(
            f"no model matches {pattern!r}; globs match the whole name or its second half, "
            "`python -m harness list` shows all names"
        )
    names = {name.lower(): card.name for card in cards for name in (card.name, card.variant)}
    names.update({name: name for name in (*SUITES, *{card.source for card in cards})})
    near = difflib.get_close_matches(pattern.lower(), list(names), n=5, cutoff=0.5)
    near += [name for name in names if pattern.lower() in name]
    found = list(dict.fromkeys(names[name] for name in near))[:5]
    hint = f"nearest: {', '.join(found)}" if found else "nothing is near it"
    return UnknownModelError(f"unknown model {pattern!r}; {hint}; `python -m harness list` shows all names")


def select(patterns: str | Iterable[str], cards: Mapping[str, ModelCard]) -> list[ModelCard]:
    """The cards that any of `patterns` selects, each once, in catalogue order.

    Args:
        patterns: names, globs, sources or suites; one string may hold several, separated by commas.
            A glob matches the whole name or its second half, whatever the case.
        cards: the catalogue.

    Raises:
        UnknownModelError: a pattern selects nothing; the message offers the nearest names.
    """
    texts = [patterns] if isinstance(patterns, str) else list(patterns)
    wanted = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    if not wanted:
        raise UnknownModelError("no model named; `python -m harness list` shows all names, `all` means every model")
    pool = list(cards.values())
    chosen: set[str] = set()
    for pattern in wanted:
        found = _select_one(pattern, pool)
        if not found:
            raise _nothing(pattern, pool)
        chosen.update(card.name for card in found)
    return [card for card in pool if card.name in chosen]
