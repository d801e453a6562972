"""What there is: the released models as cards, and their networks as native models.

import zoo
zoo.list_models("regnet/*Y*")
zoo.card("regnet/RegNetY-200MF").published.top1_percent
model = zoo.load("regnet/RegNetY-200MF", weights="probe")
model.logits(images)
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from zoo import adapters, releases
from zoo.card import ModelCard
from zoo.catalog.reader import all_cards
from zoo.errors import UnknownModelError, WeightsError
from zoo.releases import OWN
from zoo.selection import select

if TYPE_CHECKING:
    import os

    from zoo.native import NativeModel

__all__ = ["ModelCard", "card", "cards", "list_models", "load"]


def cards(patterns: str | Iterable[str] = "all") -> list[ModelCard]:
    """Cards selected by name, glob, source or suite, in catalogue order.

    Raises:
        UnknownModelError: a pattern selects nothing.
    """
    return select(patterns, all_cards())


def list_models(patterns: str | Iterable[str] = "all") -> list[str]:
    """Full names of the selected models, in catalogue order."""
    return [card.name for card in cards(patterns)]


def card(name: str) -> ModelCard:
    """The card of one model.

    Raises:
        UnknownModelError: no such model, or several.
    """
    found = cards(name)
    if len(found) > 1:
        raise UnknownModelError(f"{name!r} selects {len(found)} models where one is wanted; `list` shows all names")
    return found[0]


def load(
    model: str | ModelCard,
    weights: str | os.PathLike[str] = "probe",
    *,
    implementation: str = OWN,
    cache_dir: Path | None = None,
) -> NativeModel:
    """The native model of a card, with its weights; needs no network.

    Args:
        model: a card, or the name of one.
        weights: `probe` for the seeded weights of `zoo.probe`, or the path of a released checkpoint.
        implementation: `own` for the network as this project builds it; `release` for the original code itself, which
            has to be in the cache, and wants a process of its own (`zoo.releases.build`).
        cache_dir: the cache; the user's by default.

    Raises:
        UnknownModelError: no such model.
        MissingPackageError: the source's package is not installed.
        ReleaseError: the original code is not in the cache, or does not build this model.
        WeightsError: the checkpoint cannot be opened or does not fit.
    """
    facts = card(model) if isinstance(model, str) else model
    if str(weights) == "released" and not facts.checkpoint.url:
        raise WeightsError(f"no checkpoint of {facts.name} was ever published: use weights='probe', or your own file")
    if str(weights) in ("released", "auto"):
        raise WeightsError(
            f"weights={str(weights)!r} is not available yet: download {facts.checkpoint.url} and pass the "
            "file's path, or use weights='probe'"
        )
    native = adapters.build(facts) if implementation == OWN else releases.build(facts, cache_dir)
    if str(weights) == "probe":
        native.apply_probe()
    else:
        native.load_file(Path(weights))
    return native
