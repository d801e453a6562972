"""What there is: the released models as cards, and their networks as native models.

import zoo
zoo.list_models("regnet/*Y*")
zoo.card("regnet/RegNetY-200MF").published.top1_percent
model = zoo.load("regnet/RegNetY-200MF", weights="probe")
model.logits(images)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from foundation.vocabulary import OWN, PROBE
from zoo import adapters, releases
from zoo.card import ModelCard
from zoo.catalog.reader import all_cards
from zoo.errors import UnknownModelError
from zoo.selection import select

if TYPE_CHECKING:
    from pathlib import Path

    from zoo.checkpoints import FetchSettings
    from zoo.native import NativeModel
    from zoo.weights import Weights

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
        raise UnknownModelError(
            f"{name!r} selects {len(found)} models where one is wanted; `python -m harness list` shows all names"
        )
    return found[0]


def load(
    model: str | ModelCard,
    weights: Weights = PROBE,
    *,
    settings: FetchSettings | None = None,
    calibration_images: Path | None = None,
    implementation: str = OWN,
    cache_dir: Path | None = None,
) -> NativeModel:
    """The native model of a card, with its weights.

    Args:
        model: a card, or the name of one.
        weights: `probe` for the seeded weights of `zoo.probe`, which need no network; `released` for those of the
            release, fetched where the cache does not hold them; `auto` for the released ones where they can be had,
            with a warning and the probe's where not; or the path of a checkpoint.
        settings: how released weights are fetched.
        calibration_images: folder of training images, for AlphaNet: its released weights need them for their
            running statistics (`NativeModel.needs_recalibration`).
        implementation: `own` for the network as this project builds it; `release` for the original code itself, which
            has to be in the cache, and wants a process of its own (`zoo.releases.build`).
        cache_dir: the cache that holds the original code; the user's by default.

    Raises:
        UnknownModelError: no such model.
        MissingPackageError: the source's package is not installed.
        FetchError: the released weights cannot be had.
        ReleaseError: the original code is not in the cache, or does not build this model.
        WeightsError: the checkpoint cannot be opened or does not fit.
    """
    from zoo.weights import apply_weights, at_hand

    facts = card(model) if isinstance(model, str) else model
    # Before the original code is built, which closes the process to the network.
    checkpoint = at_hand(facts, weights, settings)
    native = adapters.build(facts) if implementation == OWN else releases.build(facts, cache_dir)
    apply_weights(native, checkpoint, calibration_images)
    return native
