"""From a card to its released checkpoint on this machine."""

from __future__ import annotations

from zoo.card import ModelCard
from zoo.checkpoints.errors import FetchError
from zoo.checkpoints.settings import FetchedCheckpoint, FetchSettings


def fetch(card: ModelCard, settings: FetchSettings | None = None) -> FetchedCheckpoint:
    """The released checkpoint of a card, fetched where the cache does not hold it.

    Safe to call from several processes at once: one of them fetches, the others wait and use its file.

    Raises:
        UnreachableError: nobody answers at the file's host.
        FetchError: it was never published, cannot be had, is no checkpoint, or is not what its digest says.
    """
    if not card.checkpoint.url:
        raise FetchError(f"no checkpoint of {card.name} was ever published: use weights='probe', or your own file")
    raise NotImplementedError
