"""Fetches the checkpoints of many models: one that cannot be had does not keep the others from being had."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from zoo.card import ModelCard
from zoo.checkpoints.errors import FetchError, UnreachableError
from zoo.checkpoints.fetching import cached_path, fetch
from zoo.checkpoints.location import locate
from zoo.checkpoints.settings import FetchedCheckpoint, FetchSettings


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one model's checkpoint."""

    card: ModelCard
    published: bool
    """Whether the release published one at all."""
    fetched: FetchedCheckpoint | None = None
    """None where it could not be had."""
    was_cached: bool = False
    problem: str = ""
    """Why it could not be had."""


def fetch_many(cards: Iterable[ModelCard], settings: FetchSettings | None = None) -> Iterator[Outcome]:
    """The checkpoints of all cards, one after the other, as far as they can be had.

    A file that several models share is tried once, and so is a host that does not answer.
    """
    chosen = settings or FetchSettings()
    failed: dict[str, str] = {}
    silent: dict[str, str] = {}
    for card in cards:
        if not card.checkpoint.url:
            yield Outcome(card, published=False)
            continue
        try:
            location, was_cached = locate(card), cached_path(card, chosen) is not None
            # A mirror serves all files, so one silence is enough.
            host = chosen.shown_mirror or location.host
            if reason := failed.get(location.url) or ("" if was_cached else silent.get(host, "")):
                yield Outcome(card, published=True, problem=reason)
                continue
            yield Outcome(card, published=True, fetched=fetch(card, chosen), was_cached=was_cached)
        except UnreachableError as error:
            silent[host] = f"not tried: {host} could not be reached before; run the same again when it can"
            yield Outcome(card, published=True, problem=str(error))
        except FetchError as error:
            failed[card.checkpoint.url] = f"{card.checkpoint.url} could not be had for {card.name} either"
            yield Outcome(card, published=True, problem=str(error))
