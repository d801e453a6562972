"""The released models as cards, and their networks as native models.

import zoo
zoo.list_models("regnet/*Y*")
zoo.card("regnet/RegNetY-200MF").published.top1_percent
model = zoo.load("regnet/RegNetY-200MF", weights="probe")
model.logits(images)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from foundation import privacy, vocabulary
from zoo import adapters, initialisation, libraries, releases, selection
from zoo.card import ModelCard
from zoo.catalog import reader
from zoo.errors import UnknownModelError, ZooError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from zoo.checkpoints import FetchSettings
    from zoo.native import NativeModel
    from zoo.weights import Weights

privacy.switch_off()

__all__ = ["ModelCard", "UnknownModelError", "ZooError", "card", "cards", "list_models", "load"]


def cards(patterns: str | Iterable[str] = "all") -> list[ModelCard]:
    """The cards selected by name, glob, source or suite, in catalogue order, then those of libraries.

    Args:
        patterns: what to select; `timm/NAME` and `torchvision/NAME` are networks of these libraries (`zoo.libraries`).

    Raises:
        UnknownModelError: a pattern selects nothing.
        MissingPackageError: a library that is asked for is not installed.
    """
    of_libraries, others = libraries.split(patterns)
    found = selection.select(others, reader.all_cards()) if others or not of_libraries else []
    return found + libraries.cards(of_libraries)


def list_models(patterns: str | Iterable[str] = "all") -> list[str]:
    """Full names of the selected models, in catalogue order."""
    return [card.name for card in cards(patterns)]


def card(name: str) -> ModelCard:
    """The card of one model.

    Raises:
        UnknownModelError: the name selects no model, or several.
    """
    found = cards(name)
    if len(found) > 1:
        raise UnknownModelError(
            f"{name!r} selects {len(found)} models, but one is needed; `python -m harness list` shows all names"
        )
    return found[0]


def load(
    model: str | ModelCard,
    weights: Weights = vocabulary.PROBE,
    *,
    settings: FetchSettings | None = None,
    calibration_images: Path | None = None,
    implementation: str = vocabulary.OWN,
    cache_dir: Path | None = None,
) -> NativeModel:
    """The native model of a card, with its weights.

    Args:
        model: a card, or the name of one.
        weights: `probe` for the seeded weights of `zoo.probe`, which need no download; `released` for those of the
            release, fetched if they are not in the cache; `auto` for the released ones if they are available,
            otherwise the probe's, with a warning; or the path of a checkpoint.
        settings: settings for fetching released weights.
        calibration_images: folder of training images, for AlphaNet: its released weights need them for their
            running statistics (`NativeModel.needs_recalibration`).
        implementation: `own` for the network as this project builds it; `release` for the original code itself, which
            must be in the cache and needs a process of its own (`zoo.releases.build`).
        cache_dir: the cache that holds the original code; the user's by default.

    Raises:
        UnknownModelError: there is no such model.
        MissingPackageError: the source's package is not installed.
        FetchError: the released weights cannot be fetched.
        ReleaseError: the original code is not in the cache, or does not build this model.
        WeightsError: the checkpoint cannot be opened or does not fit.
    """
    from zoo.weights import apply_weights, at_hand

    facts = card(model) if isinstance(model, str) else model
    # Before the original code is built, which cuts the process off from the network.
    checkpoint = at_hand(facts, weights, settings)
    if facts.source in libraries.SOURCES:
        return libraries.load(facts, checkpoint)
    native = _built(facts) if implementation == vocabulary.OWN else releases.build(facts, cache_dir)
    apply_weights(native, checkpoint, calibration_images)
    return native


def _built(facts: ModelCard) -> NativeModel:
    """The network of a card, its weights not yet set."""
    # What a network of another package draws may be in no state dict, and would stay undrawn.
    ours = getattr(adapters.adapter(facts.source), "__name__", "").startswith(f"{adapters.__name__}.")
    if not ours or facts.release.framework != "pytorch":
        return adapters.build(facts)
    with initialisation.left_out():
        return adapters.build(facts)
