"""Fetches the checkpoints of many models: a failure of one does not stop the others."""

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
    """The result for one model's checkpoint."""

    card: ModelCard
    published: bool
    """Whether the release published one at all."""
    fetched: FetchedCheckpoint | None = None
    """None if it could not be fetched."""
    was_cached: bool = False
    problem: str = ""
    """Why it could not be fetched."""


def fetch_many(cards: Iterable[ModelCard], settings: FetchSettings | None = None) -> Iterator[Outcome]:
    """Fetches the checkpoints of all cards, one after the other, and yields each result.

    A file shared by several models is tried once, and so is a host that does not answer.
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
            # A mirror serves all files, so one failure to answer is enough.
            host = chosen.shown_mirror or location.host
            if reason := failed.get(location.url) or ("" if was_cached else silent.get(host, "")):
                yield Outcome(card, published=True, problem=reason)
                continue
            yield Outcome(card, published=True, fetched=fetch(card, chosen), was_cached=was_cached)
        except UnreachableError as error:
            silent[host] = f"not tried: {host} could not be reached before; run the same command again when it can be"
            yield Outcome(card, published=True, problem=str(error))
        except FetchError as error:
            failed[card.checkpoint.url] = f"{card.checkpoint.url} could not be fetched for {card.name} either"
            yield Outcome(card, published=True, problem=str(error))
